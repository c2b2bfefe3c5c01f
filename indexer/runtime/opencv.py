"""OpenCV, silent and on one thread: our threads are many (see indexer.runtime.cpu)."""

import cv2

cv2.setNumThreads(1)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it writes to stderr

__all__ = ["cv2"]

"""Print the folder of scikit-learn's two sample photos."""

from importlib.resources import files

print(files("sklearn.datasets") / "images")

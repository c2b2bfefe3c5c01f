#!/bin/sh
# Takes secrets from files, then becomes the command.
#
# LOOKALIKE_DATABASE_URL_FILE=/run/secrets/url sets LOOKALIKE_DATABASE_URL to that file's content;
# so do all LOOKALIKE_*_FILE and PGPASSWORD_FILE.
set -eu

for variable in $(env | sed -n 's/^\(LOOKALIKE_[A-Z_]*_FILE\|PGPASSWORD_FILE\)=.*/\1/p'); do
    file=$(printenv "$variable")
    if [ ! -r "$file" ]; then
        echo "$variable names $file, which user $(id -u) cannot read." >&2
        exit 2
    fi
    export "${variable%_FILE}=$(cat "$file")"
    unset "$variable"
done
exec lookalike "$@"

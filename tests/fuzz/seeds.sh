#!/bin/sh
# Copies the project's transcripts, and what other programs recorded, into the corpora of all targets.
set -eu
cd "$(dirname "$0")"
for target in targets/*.rs; do
    name=$(basename "$target" .rs)
    mkdir -p "corpus/$name"
    case $name in
        import) find ../recordings/import -type f ! -name '*.pop3' ! -name '*.md' ;;
        message) find ../../transcripts ../recordings/mail -type f -size -64k ;;
        *) find ../../transcripts ../recordings/import -type f -name '*.pop3' -size -64k ;;
    esac | while IFS= read -r seed; do
        cp "$seed" "corpus/$name/$(echo "$seed" | sed 's|^[./]*||; s|/|-|g')"
    done
done

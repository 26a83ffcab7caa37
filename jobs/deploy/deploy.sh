#!/usr/bin/env bash
# From an empty project to a running one, and from any state to the newest: set-up, image and job, Composer.
here=$(dirname "$0")
. "$here/lib.sh"

"$here/setup.sh"
"$here/image.sh"
if [ -n "$COMPOSER_ENVIRONMENT" ]; then
  "$here/composer.sh" all
else
  say "! COMPOSER_ENVIRONMENT is not set: the job is deployed, Composer was left alone."
fi

#!/usr/bin/env bash
# The way back, one part at a time or all three; the database of a night is its bucket, and needs none.
#
#     rollback.sh images                   the images there are, the newest first
#     rollback.sh job sha256:...           the job runs this image again
#     rollback.sh dags GIT_REF             Composer has the DAG files of that commit again
#     rollback.sh packages GIT_REF         Composer has the packages of that commit again
#     rollback.sh all sha256:... GIT_REF   all three, the DAG files first
. "$(dirname "$0")/lib.sh"

usage() { die "usage: rollback.sh images | job DIGEST | dags GIT_REF | packages GIT_REF | all DIGEST GIT_REF"; }

images() {
  gcloud artifacts docker images list "$IMAGE_NAME" --include-tags --sort-by ~CREATE_TIME --limit 20
}

job() {
  [[ $1 =~ ^sha256:[0-9a-f]{64}$ ]] || die "$1 is no digest. Run 'rollback.sh images' and give sha256: with 64 digits."
  run gcloud run jobs update "$JOB" --image "$IMAGE_NAME@$1" --project "$PROJECT" --region "$REGION"
}

# Files of a commit in a folder of their own; the checkout stays as it is.
at() { # ref path
  git -C "$REPOSITORY" rev-parse --quiet --verify "$1^{commit}" > /dev/null || die "$1 is no commit of this checkout"
  git -C "$REPOSITORY" archive "$1" -- "$2" | tar -x -C "$past"
}

dags() {
  at "$1" dags
  DAGS=$past/dags "$HERE/composer.sh" dags
}

packages() {
  at "$1" jobs/deploy/composer-requirements.txt
  REQUIREMENTS=$past/jobs/deploy/composer-requirements.txt "$HERE/composer.sh" packages
}

past=$(mktemp -d)
trap 'rm -rf "$past"' EXIT
case "${1:-} $#" in
  "images 1") images ;;
  "job 2" | "dags 2" | "packages 2") "$1" "$2" ;;
  "all 3")
    dags "$3"
    job "$2"
    packages "$3"
    ;;
  *) usage ;;
esac

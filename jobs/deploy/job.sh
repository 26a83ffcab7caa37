#!/usr/bin/env bash
# Create or update the Cloud Run Job from jobs/job.yaml. IMAGE is the image, by digest.
. "$(dirname "$0")/lib.sh"
need IMAGE

text=$(cat "$REPOSITORY/jobs/job.yaml")
for name in JOB REGION JOB_ACCOUNT IMAGE BUCKET MODEL_PROJECT MODEL_REGION; do
  text=${text//"\${$name}"/"${!name}"}
done
# Comments may speak of ${...}; everything else must be filled in.
if left=$(grep -v '^ *#' <<< "$text" | grep -o '[$]{[^}]*}'); then
  die "jobs/job.yaml holds $left, which job.sh does not know"
fi
spec=$(mktemp)
trap 'rm -f "$spec"' EXIT
printf '%s\n' "$text" > "$spec"
[ -z "$DRY_RUN" ] || cat "$spec"
run gcloud run jobs replace "$spec" --project "$PROJECT" --region "$REGION"

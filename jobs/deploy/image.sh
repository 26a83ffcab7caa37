#!/usr/bin/env bash
# Build, test and push the image, and create or update the job with it, by Cloud Build. TEST=skip leaves the tests out.
. "$(dirname "$0")/lib.sh"

values=(
  "_JOB=$JOB" "_REGION=$REGION" "_IMAGE=$IMAGE_NAME" "_BUCKET=$BUCKET" "_JOB_ACCOUNT=$JOB_ACCOUNT"
  "_MODEL_PROJECT=$MODEL_PROJECT" "_MODEL_REGION=$MODEL_REGION" "_TEST=${TEST:-make test}"
)
# ^;^ makes ';' the separator: 'make test' and image names hold neither.
joined=$(IFS=';'; printf '%s' "${values[*]}")
run gcloud builds submit "$REPOSITORY" --config "$REPOSITORY/cloudbuild.yaml" --project "$PROJECT" \
  --region "$BUILD_REGION" --service-account "projects/$PROJECT/serviceAccounts/$BUILD_ACCOUNT" \
  --substitutions "^;^$joined"

#!/usr/bin/env bash
# Everything that an empty project needs before the first build. Run it again at any time: it adds only what is missing.
. "$(dirname "$0")/lib.sh"

run gcloud services enable run.googleapis.com cloudbuild.googleapis.com artifactregistry.googleapis.com \
  storage.googleapis.com bigquery.googleapis.com iam.googleapis.com logging.googleapis.com composer.googleapis.com \
  --project "$PROJECT"
run gcloud services enable aiplatform.googleapis.com --project "$MODEL_PROJECT"

unless "repository $ARTIFACTS" \
  gcloud artifacts repositories describe "$ARTIFACTS" --location "$REGION" --project "$PROJECT" -- \
  gcloud artifacts repositories create "$ARTIFACTS" --repository-format docker --location "$REGION" \
  --project "$PROJECT"

# Uniform access: permissions are IAM's alone. Soft delete: a week to undo a deletion, which is also the way back.
unless "bucket $BUCKET" \
  gcloud storage buckets describe "gs://$BUCKET" -- \
  gcloud storage buckets create "gs://$BUCKET" --project "$PROJECT" --location "$REGION" \
  --uniform-bucket-level-access --public-access-prevention --soft-delete-duration 7d

unless "dataset $DATASET" \
  bq --project_id "$PROJECT" show --dataset "$PROJECT:$DATASET" -- \
  bq --project_id "$PROJECT" --location "$REGION" mk --dataset "$PROJECT:$DATASET"

for account in "$JOB_ACCOUNT" "$BUILD_ACCOUNT"; do
  unless "service account $account" \
    gcloud iam service-accounts describe "$account" --project "$PROJECT" -- \
    gcloud iam service-accounts create "${account%%@*}" --project "$PROJECT"
done

"$(dirname "$0")/roles.sh"

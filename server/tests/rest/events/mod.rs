mod ingest;
mod malformed;
mod openmeter;
mod postgres_trouble;

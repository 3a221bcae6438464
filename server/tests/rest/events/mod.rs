mod ingest;
mod malformed;

mod ingest;
mod malformed;
mod openmeter;

"""One folder per CRM, each a Source and a Sink over that CRM's own client library."""

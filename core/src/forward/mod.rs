//! Ready pipelines: cross-connect, UDP forwarder, router.

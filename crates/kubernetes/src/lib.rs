//! What a Kubernetes cluster knows of its pods, kept small and up to date, and the processor that tells it of what they send.

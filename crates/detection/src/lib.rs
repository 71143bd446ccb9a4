//! What can be found out about the place that a process runs at: its host, container, cluster and cloud.

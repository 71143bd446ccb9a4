//! Edges bounded in items and bytes, and the queues behind them.

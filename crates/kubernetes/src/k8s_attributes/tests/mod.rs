mod associations;
mod attributes;
mod batches;
mod rig;

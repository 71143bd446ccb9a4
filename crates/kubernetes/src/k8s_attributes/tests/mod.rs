mod associations;
mod attributes;
mod batches;
mod life;
mod rig;

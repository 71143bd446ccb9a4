use crate::Identity;

mod distinct;
mod frequency;
mod profile;

fn random(random: &mut fastrand::Rng) -> Identity {
    Identity(random.u128(..))
}

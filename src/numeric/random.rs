//! Named random streams: every random choice is a function of (seed, name), never of time or thread.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// The stream `name` of `seed`: ChaCha8 keyed with SHA-256("bowsight" ‖ 0 ‖ name ‖ 0 ‖ seed).
///
/// ```
/// use bowsight::numeric::random::stream;
/// use rand::Rng;
/// assert_eq!(stream(7, "vocabulary").next_u64(), stream(7, "vocabulary").next_u64());
/// assert_ne!(stream(7, "vocabulary").next_u64(), stream(7, "sample").next_u64());
/// ```
pub fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(b"bowsight\0");
    hash.update(name.as_bytes());
    hash.update(b"\0");
    hash.update(seed.to_le_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

//! Files: atomic writing, names, digests, and the containers that NumPy users read without bowsight.

pub mod atomic;
pub mod batch;
pub mod container;
pub mod idx;
pub mod json;
pub mod lock;
pub mod names;
pub mod npy;
pub mod number;
pub mod path_text;
pub mod png;
pub mod text;

use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// SHA-256 of the file at `path`, in hexadecimal.
///
/// # Errors
/// Those of reading the file.
pub fn sha256_of_file(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

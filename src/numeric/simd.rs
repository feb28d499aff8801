//! Functions compiled for several instruction sets, of which the running processor's best one is called.
//!
//! Three attributes name the sets, for instance `#[apply(avx512!)]`. No set changes a result: the order of every sum is
//! written down in lanes, the compiler fuses no product into a sum by itself, and `mul_add` is fused on every set. In tests
//! a module of the function's name holds its versions, `scalar`, `avx2` and `avx512`, to be compared; a version that the
//! processor can't run is replaced by the scalar one.
//!
//! Why there are three lists:
//! - [`avx2`]: short loops over eight f64 lanes, which two registers of 256 bits hold. Wider ones have nothing to gain.
//! - [`avx512`]: long loops over 16 lanes or more. `bw`, `dq` and `vl` are for bytes, for conversions between whole
//!   numbers and f64, and for masks on the last, shorter registers.
//! - [`avx512_fma`]: loops that ask for `mul_add`. Without `fma` in the list the AVX2 version would call a function of the
//!   C library for every one of them; AVX-512 has it anyway.
//!
//! A set with AVX-512 is taken only by processors that have all of Ice Lake's extensions (2019): before, the wide
//! registers lowered the clock. The `multiversion` crate adds these extensions to the list.

/// Compiles a function for AVX2 and for any processor.
macro_rules! avx2 {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident $($rest:tt)*) => {
        $crate::numeric::simd::versions! {
            ["x86_64+avx2"] [avx2 "x86_64+avx2"] [$(#[$meta])*] [$visibility] $name [$($rest)*]
        }
    };
}

/// Compiles a function for AVX-512, for AVX2 and for any processor.
macro_rules! avx512 {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident $($rest:tt)*) => {
        $crate::numeric::simd::versions! {
            ["x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"]
            [avx512 "x86_64+avx512f+avx512bw+avx512dq+avx512vl", avx2 "x86_64+avx2"]
            [$(#[$meta])*] [$visibility] $name [$($rest)*]
        }
    };
}

/// Compiles a function that uses `mul_add` for AVX-512, for AVX2 with FMA and for any processor.
macro_rules! avx512_fma {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident $($rest:tt)*) => {
        $crate::numeric::simd::versions! {
            ["x86_64+avx512f+avx512vl", "x86_64+avx2+fma"]
            [avx512 "x86_64+avx512f+avx512vl", avx2 "x86_64+avx2+fma"]
            [$(#[$meta])*] [$visibility] $name [$($rest)*]
        }
    };
}

/// Writes the function, and for tests a module of its name with each version by itself.
macro_rules! versions {
    (
        [$($target:literal),*] [$($version:ident $own:literal),*]
        [$($attributes:tt)*] [$visibility:vis] $name:ident [$($rest:tt)*]
    ) => {
        $crate::numeric::simd::versions! { @one [$($attributes)*] [$($target),*] [$visibility] $name [$($rest)*] }
        $crate::numeric::simd::versions! { @test $name [$($version $own),*] [$($rest)*] }
    };
    (@test $name:ident [$($version:ident $own:literal),*] $rest:tt) => {
        #[cfg(test)]
        #[allow(dead_code, unused_imports, reason = "each test calls the versions that it compares")]
        mod $name {
            use super::*;

            $crate::numeric::simd::versions! { @one [] [] [pub(super)] scalar $rest }
            $($crate::numeric::simd::versions! { @one [] [$own] [pub(super)] $version $rest })*
        }
    };
    (@one [] [] [$visibility:vis] $name:ident [$($rest:tt)*]) => {
        $visibility fn $name $($rest)*
    };
    (@one [$($attributes:tt)*] [$($target:literal),+] [$visibility:vis] $name:ident [$($rest:tt)*]) => {
        $($attributes)*
        #[multiversion::multiversion(targets($($target),+))]
        $visibility fn $name $($rest)*
    };
}

pub(crate) use {avx2, avx512, avx512_fma, versions};

/// The instruction sets, besides the scalar one, that the versions of a function can run on here.
#[cfg(test)]
pub(crate) fn available() -> Vec<&'static str> {
    let mut found = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        found.extend(is_x86_feature_detected!("avx2").then_some("avx2"));
        found.extend(is_x86_feature_detected!("avx512vpopcntdq").then_some("avx512"));
    }
    found
}

//! Every setting: defaults, faults that come together, drafts.

use super::*;
use crate::bow::features::Family;
use crate::bow::features::planes::Planes;
use crate::bow::words::mapping::MappingKind;
use crate::bow::words::pooling::PoolingKind;
use crate::settings::{Draft, to_toml};

#[test]
fn the_default_is_valid_and_survives_both_forms() {
    let configuration = Configuration::default();
    assert!(configuration.clone().check().is_ok());
    let toml = toml::to_string(&configuration).unwrap();
    assert_eq!(toml::from_str::<Configuration>(&toml).unwrap(), configuration);
    let json = serde_json::to_string(&configuration).unwrap();
    assert_eq!(serde_json::from_str::<Configuration>(&json).unwrap(), configuration);
    assert_eq!(toml::from_str::<Configuration>("").unwrap(), configuration);
}

#[test]
fn all_faults_come_together_and_name_key_range_and_value() {
    let mut configuration = Configuration::default();
    configuration.channel[0].vocabulary.words = 0;
    configuration.channel[0].descriptor.sizes = vec![4, 4];
    configuration.svm.c = Cost::Fixed(-1.0);
    configuration.svm.tolerance = f64::NAN;
    configuration.combination.norm = 0.5;
    let text = configuration.check().unwrap_err().to_string();
    for part in
        ["vocabulary.words\" must be 1 to 1000000, got 0", "sizes", "[4, 4]", "svm.c", "-1", "NaN", "combination.norm"]
    {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
}

#[test]
fn planes_left_out_are_those_of_the_family() {
    let read = |text: &str| toml::from_str::<DescriptorConfig>(text).map_err(|error| error.to_string());
    assert_eq!(read("step = 4").unwrap(), DescriptorConfig::default());
    assert_eq!(read("").unwrap().planes, Planes::Grey);
    assert_eq!(read("family = \"quantiles\"").unwrap().planes, Planes::Rgb);
    assert_eq!(read("family = \"quantiles\"\nplanes = \"grey\"").unwrap().planes, Planes::Grey);
    assert!(read("planes = \"gray\"").unwrap_err().contains("did you mean \"grey\"?"));
    assert!(read("plains = 3").unwrap_err().contains("plains"));
}

#[test]
fn every_family_checks_its_grid() {
    for &family in Family::ALL {
        let descriptor = DescriptorConfig { sizes: vec![14, 0], step: 0, ..DescriptorConfig::of(family) };
        let channel = vec![ChannelConfig { descriptor, ..ChannelConfig::default() }];
        let text = Configuration { channel, ..Configuration::default() }.check().unwrap_err().to_string();
        for part in ["\"channel.0.descriptor.sizes\"", "[14, 0]", "\"channel.0.descriptor.step\" must be 1 to 512"] {
            assert!(text.contains(part), "{family}: {part} is missing in: {text}");
        }
    }
}

#[test]
fn what_fisher_vectors_need_is_said_together() {
    let mut configuration = Configuration::default();
    let channel = &mut configuration.channel[0];
    channel.mapping.kind = MappingKind::Fisher;
    channel.mapping.reduced = 129;
    channel.vocabulary.words = 5000;
    channel.pooling.kind = PoolingKind::Max;
    let text = configuration.clone().check().unwrap_err().to_string();
    for part in [
        "kernel.kind\" must be \"linear\" for \"mapping.kind\" = \"fisher\", got hik",
        "mapping.reduced\" must be 0 to the number of the descriptor's values, 128, got 129",
        "vocabulary.words\" must be at most 4096 components",
        "pooling.kind\" must be \"mean\"",
    ] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    let channel = &mut configuration.channel[0];
    channel.vocabulary.words = 64;
    (channel.pooling.kind, channel.kernel.kind) = (PoolingKind::Mean, KernelKind::Linear);
    // Cells × components × derivatives.
    for (reduced, weights, expected) in [(64, false, 8 * 64 * 128), (64, true, 8 * 64 * 129), (0, false, 8 * 64 * 256)]
    {
        (channel.mapping.reduced, channel.mapping.fisher_weights) = (reduced, weights);
        assert_eq!(channel.dimensions(), expected);
        assert!(Configuration { channel: vec![channel.clone()], ..Configuration::default() }.check().is_ok());
    }
}

#[test]
fn what_linear_machines_need_is_said_together() {
    let mut configuration = Configuration::default();
    configuration.svm.solver = Solver::Linear;
    assert!(configuration.clone().check().is_ok());
    configuration.channel[0].kernel.kind = KernelKind::Chi2;
    configuration.combination.weights = ChannelWeights::Mkl;
    configuration.explain.decomposition = Decomposition::Taylor;
    configuration.svm.map_order = 33;
    let text = configuration.check().unwrap_err().to_string();
    for part in [
        "\"channel.0.kernel.kind\" must be one with a feature map (hik, linear, hellinger, additive-chi2, jensen-shannon)",
        "got chi2",
        "\"combination.weights\" must be \"given\" or \"uniform\"",
        "\"explain.decomposition\" must be \"auto\"",
        "\"svm.map_order\" must be 0 to 32, got 33",
    ] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
}

#[test]
fn c_is_a_word_or_a_number() {
    let read = |text: &str| toml::from_str::<SvmConfig>(text);
    assert_eq!(read("c = \"validate\"").unwrap().c, Cost::Validate);
    assert_eq!(read("c = 10").unwrap().c, Cost::Fixed(10.0));
    assert!(read("c = \"valdate\"").unwrap_err().to_string().contains("valdate"));
}

#[test]
fn unknown_keys_are_reported_together_with_the_nearest_known_one() {
    let text = "sed = 1\n[[channel]]\nmapping = { knd = \"hard\" }\n[svm]\nzzz = 2";
    let error = Draft::parse(text, "test").unwrap().resolve::<Settings>().unwrap_err().to_string();
    for part in
        ["\"sed\" (did you mean \"seed\"?)", "\"channel.0.mapping.knd\" (did you mean \"kind\"?)", "\"svm.zzz\""]
    {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
}

#[test]
fn flags_win_over_the_file_and_reach_every_channel() {
    let mut draft = Draft::parse("seed = 3\n[[channel]]\npower = 1.0\n[[channel]]\npower = 0.7", "test").unwrap();
    draft.set("seed", 9);
    draft.set("channel.vocabulary.words", 50);
    draft.set("channel.1.power", 0.25);
    draft.assign("channel.mapping.kind=rank").unwrap();
    draft.assign("svm.c = 10").unwrap();
    let settings: Settings = draft.resolve().unwrap();
    assert_eq!(settings.seed, 9);
    assert_eq!(settings.channel.iter().map(|c| c.vocabulary.words).collect::<Vec<_>>(), [50, 50]);
    assert_eq!(settings.channel.iter().map(|c| c.power).collect::<Vec<_>>(), [1.0, 0.25]);
    assert_eq!(settings.channel[1].mapping.kind.name(), "rank");
    assert!(Draft::default().assign("svm.c").is_err());
}

#[test]
fn a_channel_that_does_not_exist_is_named_with_those_that_do() {
    for (text, expected) in [
        ("seed = 3", "channel 2 does not exist: there is one, channel 0"),
        ("[[channel]]\n[[channel]]", "channel 2 does not exist: there are 2, channels 0 to 1"),
    ] {
        let mut draft = Draft::parse(text, "test").unwrap();
        draft.set("channel.2.power", 0.25);
        draft.set("channel.5.power", 0.25);
        assert_eq!(draft.resolve::<Settings>().unwrap_err().to_string(), expected);
    }
}

#[test]
fn what_does_not_fit_its_place_is_never_dropped() {
    for assignments in [&["channel.0=5"][..], &["svm.c=1", "svm.c.x=2"], &["seed.x=1"]] {
        let mut draft = Draft::default();
        assignments.iter().for_each(|text| draft.assign(text).unwrap());
        assert!(draft.resolve::<Settings>().is_err(), "{assignments:?}");
    }
}

#[test]
fn the_resolved_file_resolves_to_itself() {
    let mut draft = Draft::default();
    draft.set("channel.kernel.kind", "linear");
    let settings: Settings = draft.resolve().unwrap();
    let again = Draft::parse(&to_toml(&settings), "test").unwrap().resolve().unwrap();
    assert_eq!(settings, again);
}

#[test]
fn an_unknown_variant_names_all_and_the_nearest() {
    let mut draft = Draft::default();
    draft.set("channel.kernel.kind", "hk");
    let error = crate::causes::chain(&draft.resolve::<Settings>().unwrap_err());
    assert!(error.contains("unknown kernel \"hk\"") && error.contains("did you mean \"hik\"?"), "{error}");
}

//! Settings of published systems, by name. A new preset is one file, one name and one line.

use crate::settings::Draft;

crate::closed_set! {
    /// The presets.
    pub enum Preset as "preset" {
        /// Bach et al. 2015, Fig 6: polygons and circles.
        PaperShapes = "paper-shapes",
        /// Bach et al. 2015, Figs 7–10: PASCAL VOC.
        PaperVoc = "paper-voc",
    }
}

impl Preset {
    /// The preset's file.
    pub fn text(self) -> &'static str {
        match self {
            Preset::PaperShapes => include_str!("presets/paper-shapes.toml"),
            Preset::PaperVoc => include_str!("presets/paper-voc.toml"),
        }
    }

    /// The preset as a configuration in the making.
    pub fn draft(self) -> Draft {
        Draft::parse(self.text(), self.name()).expect("a preset is TOML: a test reads them all")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::config::Settings;

    #[test]
    fn every_preset_is_a_valid_configuration_and_takes_overrides() {
        for preset in Preset::ALL {
            let settings: Settings = preset.draft().resolve().unwrap();
            assert!(settings.channel.len() > 1, "{preset}");
            let mut draft = preset.draft();
            draft.set("channel.vocabulary.words", 9);
            draft.set("channel.mapping.neighbours", 3);
            let settings: Settings = draft.resolve().unwrap();
            assert!(settings.channel.iter().all(|channel| channel.vocabulary.words == 9), "{preset}");
        }
    }
}

//! How families of networks are normally fed and read, so that nobody has to look it up.
//!
//! Each preset names where its numbers come from. Thresholds are guesses that let a shop begin: cosines of two networks
//! cannot be compared, and only `tillsight model calibrate` on the shop's own photos finds the right ones.

use super::manifest::{ColorOrder, Filter, Fit, Manifest};
use super::pooling::Pooling;
use super::tensor_info::TensorInfo;

/// How one family of networks is fed and read.
#[derive(Debug)]
pub struct Preset {
    /// Its name, as `--preset` takes it.
    pub name: &'static str,
    /// Which networks it is for.
    pub about: &'static str,
    /// Pixels from side to side where the file leaves them free.
    pub side: u32,
    /// Sides that members of the family are made for; empty: any.
    pub sides: &'static [u64],
    /// Values per picture that members of the family give; empty: any.
    pub dims: &'static [u64],
    /// How a picture of another shape is made to fit.
    pub resize: Fit,
    /// With `resize` = `crop`: what the shorter side is scaled to, as a ratio to `side`, rounded down as timm and
    /// torchvision do; `None`: not scaled first.
    pub resize_to: Option<(u32, u32)>,
    /// How pixels are interpolated.
    pub filter: Filter,
    /// Order of the channels.
    pub color: ColorOrder,
    /// What a pixel of full brightness is before `mean` is taken off.
    pub range: f32,
    /// Taken off each channel.
    pub mean: [f32; 3],
    /// Divides each channel.
    pub std: [f32; 3],
    /// Names of the output to read, best first, where there are several.
    pub outputs: &'static [&'static str],
    /// What is made of an output of tokens; `None`: the person must say.
    pub tokens: Option<Pooling>,
    /// Cosine below which a product is unknown, to begin with.
    pub score: f32,
    /// Lead over the second product below which a match is ambiguous, to begin with.
    pub margin: f32,
}

const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];
const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const CLIP_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
/// A shorter side of 256 for a cut of 224, ImageNet's usual evaluation (8/7).
const TO_256_FOR_224: Option<(u32, u32)> = Some((8, 7));
/// The shorter side is scaled to the side of the cut.
const TO_SIDE: Option<(u32, u32)> = Some((1, 1));

/// Begun from by every preset.
const PLAIN: Preset = Preset {
    name: "",
    about: "",
    side: 224,
    sides: &[],
    dims: &[],
    resize: Fit::Crop,
    resize_to: None,
    filter: Filter::Bicubic,
    color: ColorOrder::Rgb,
    range: 1.0,
    mean: [0.0; 3],
    std: [1.0; 3],
    outputs: &["image_embedding", "embedding", "embeddings", "features"],
    tokens: None,
    score: 0.6,
    margin: 0.05,
};

/// All presets, in the order in which they are tried and listed.
pub static PRESETS: [Preset; 9] = [
    // models/README.md and models/tillsight-small.json: 0..1, the normalisation is inside the graph.
    Preset {
        name: "tillsight",
        about: "models trained by models/train.py",
        side: 256,
        filter: Filter::Bilinear,
        // What the shipped models are calibrated to, rounded.
        score: 0.8,
        margin: 0.05,
        ..PLAIN
    },
    // facebook/dinov2-base, preprocessor_config.json: shortest_edge 256, crop_size 224, resample 3 (bicubic), ImageNet's
    // mean and std; the same in dinov2/data/transforms.py, make_classification_eval_transform. Token 0 after the last
    // LayerNorm is the class token: x_norm_clstoken there, pooler_output in transformers. Widths: ViT-S, B, L, g.
    Preset {
        name: "dinov2",
        about: "DINOv2 and its like: ImageNet's evaluation, bicubic; the class token",
        sides: &[196, 224, 252, 280, 336, 392, 448, 518],
        dims: &[384, 768, 1_024, 1_536],
        resize_to: TO_256_FOR_224,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        outputs: &["image_embedding", "embedding", "pooler_output", "x_norm_clstoken", "last_hidden_state"],
        tokens: Some(Pooling::Cls),
        score: 0.6,
        margin: 0.05,
        ..PLAIN
    },
    // openai/CLIP, clip/clip.py, _transform: Resize(n_px, BICUBIC), CenterCrop(n_px), these means and stds; the same in
    // openai/clip-vit-base-patch32, preprocessor_config.json. The projected image embedding is what was trained to be
    // compared; tokens are not, so nothing is guessed about them.
    Preset {
        name: "clip",
        about: "CLIP's image encoder (OpenAI, OpenCLIP, MobileCLIP S3, S4 and L-14): the projected embedding",
        sides: &[224, 240, 256, 288, 320, 336, 378, 384, 448],
        dims: &[512, 640, 768, 1_024, 1_280],
        resize_to: TO_SIDE,
        mean: CLIP_MEAN,
        std: CLIP_STD,
        outputs: &[
            "image_embedding",
            "embedding",
            "image_embeds",
            "image_embeddings",
            "image_features",
            "pooler_output",
        ],
        score: 0.8,
        margin: 0.03,
        ..PLAIN
    },
    // google/siglip-base-patch16-224, -384, -512 and siglip-large-patch16-256, preprocessor_config.json: size as both
    // height and width (so stretched), resample 3 (bicubic), mean and std 0.5. Its pooled output comes from an attention
    // head, which no mean over tokens replaces.
    Preset {
        name: "siglip",
        about: "SigLIP's image encoder: stretched, bicubic; the pooled output",
        sides: &[224, 256, 384, 512],
        dims: &[768, 1_024, 1_152],
        resize: Fit::Stretch,
        mean: [0.5; 3],
        std: [0.5; 3],
        outputs: &["image_embedding", "embedding", "pooler_output", "image_embeds", "image_features"],
        score: 0.8,
        margin: 0.03,
        ..PLAIN
    },
    // google/siglip2-base-patch16-224 and -512, preprocessor_config.json: as SigLIP, but resample 2 (bilinear). Not for
    // the "naflex" members, which are fed patches.
    Preset {
        name: "siglip2",
        about: "SigLIP 2's image encoder of fixed size: stretched, bilinear; the pooled output",
        sides: &[224, 256, 384, 512],
        dims: &[768, 1_024, 1_152, 1_536],
        resize: Fit::Stretch,
        filter: Filter::Bilinear,
        mean: [0.5; 3],
        std: [0.5; 3],
        outputs: &["image_embedding", "embedding", "pooler_output", "image_embeds", "image_features"],
        score: 0.8,
        margin: 0.03,
        ..PLAIN
    },
    // apple/ml-mobileclip, mobileclip/__init__.py: Resize(side, BILINEAR), CenterCrop(side), ToTensor, no mean or std;
    // configs/*.json: side 256 for S0, S1 and S2, 224 for B.
    Preset {
        name: "mobileclip",
        about: "MobileCLIP S0, S1, S2 and B: 0..1 without mean and std, bilinear; the projected embedding",
        side: 256,
        sides: &[224, 256],
        dims: &[512],
        resize_to: TO_SIDE,
        filter: Filter::Bilinear,
        outputs: &["image_embedding", "embedding", "image_embeds", "image_features"],
        score: 0.8,
        margin: 0.03,
        ..PLAIN
    },
    // timm, timm/data/constants.py: DEFAULT_CROP_PCT 0.875, ImageNet's mean and std; bicubic as in most pretrained_cfg
    // (timm/resnet50.ra_in1k, config.json). Members differ: a model's own pretrained_cfg says what to override.
    Preset {
        name: "timm",
        about: "networks of timm trained on ImageNet, without their classifier; look at the model's pretrained_cfg",
        resize_to: TO_256_FOR_224,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        score: 0.7,
        margin: 0.05,
        ..PLAIN
    },
    // TensorFlow's rule is x / 127.5 − 1 (keras.applications, mode "tf"); networks that were quantised from it round that to
    // whole grey levels. These are the values that go with google-coral/test_data's MobileNetV1 converted to ONNX.
    Preset {
        name: "mobilenet-v1",
        about: "TensorFlow's MobileNetV1: (x − 128) / 128, bilinear; the pooled features",
        sides: &[128, 160, 192, 224],
        dims: &[256, 512, 768, 1_024],
        filter: Filter::Bilinear,
        range: 255.0,
        mean: [128.0; 3],
        std: [128.0; 3],
        score: 0.7,
        margin: 0.05,
        ..PLAIN
    },
    // As above, with the values that go with google-coral/test_data's MobileNetV2 converted to ONNX.
    Preset {
        name: "mobilenet-v2",
        about: "TensorFlow's MobileNetV2: (x − 127) / 127.5, bilinear; the pooled features",
        sides: &[96, 128, 160, 192, 224],
        dims: &[1_280, 1_792],
        filter: Filter::Bilinear,
        range: 255.0,
        mean: [127.0; 3],
        std: [127.5; 3],
        score: 0.7,
        margin: 0.05,
        ..PLAIN
    },
];

impl Preset {
    /// The preset of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// What the shorter side is scaled to before a square of `side` pixels is cut out.
    pub fn resize_to(&self, side: u32) -> Option<u32> {
        let (over, under) = self.resize_to?;
        Some((u64::from(side) * u64::from(over) / u64::from(under)).try_into().unwrap_or(side))
    }

    /// Why a graph with this input and this output cannot be of this family, judged by sizes alone; `None`: it can.
    pub(super) fn objection(&self, input: &TensorInfo, output: Option<&TensorInfo>) -> Option<String> {
        let shape = output.map_or(&[][..], |output| &output.shape);
        let values = match shape {
            [_, values] | [_, _, values] | [_, values, _, _] => values.fixed(),
            _ => None,
        };
        self.odd(input.shape[2..].iter().filter_map(super::Dimension::fixed), values)
    }

    /// What about a drafted manifest is none of this family's; a person may know better.
    pub fn doubt(&self, manifest: &Manifest) -> Option<String> {
        let sides = [manifest.input.height, manifest.input.width].map(u64::from);
        self.odd(sides.into_iter(), u64::try_from(manifest.output.dim).ok())
    }

    /// The first of these sides in pixels that no member of the family has, or that none gives so many values.
    fn odd(&self, mut sides: impl Iterator<Item = u64>, values: Option<u64>) -> Option<String> {
        let among = |known: &[u64], one: u64| known.is_empty() || known.contains(&one);
        if let Some(side) = sides.find(|side| !among(self.sides, *side)) {
            return Some(format!("a side of {side} pixels is none of this family's"));
        }
        let odd = values.filter(|values| !among(self.dims, *values))?;
        Some(format!("{odd} values per picture are none of this family's"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_evaluation_scales_to_the_usual_size() {
        let dinov2 = Preset::named("dinov2").unwrap();
        assert_eq!([224, 518].map(|side| dinov2.resize_to(side)), [Some(256), Some(592)]);
        // floor(side / 0.875), as timm's own configurations have it.
        let timm = Preset::named("timm").unwrap();
        let sides = [160, 256, 299, 320, 384].map(|side| timm.resize_to(side));
        assert_eq!(sides, [182, 292, 341, 365, 438].map(Some));
        let clip = Preset::named("clip").unwrap();
        assert_eq!([224, 336].map(|side| clip.resize_to(side)), [Some(224), Some(336)]);
        assert_eq!(Preset::named("siglip").unwrap().resize_to(384), None);
        assert!(Preset::named("resnet").is_none());
    }

    #[test]
    fn names_are_words_and_differ() {
        for (at, preset) in PRESETS.iter().enumerate() {
            assert!(preset.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !preset.about.is_empty());
            assert!(PRESETS[..at].iter().all(|other| other.name != preset.name));
            assert!(preset.resize_to.is_none() || preset.resize == Fit::Crop, "{}", preset.name);
        }
    }
}

//! How families of networks are normally fed and read, so that nobody has to look it up.
//!
//! Each preset names the source of its numbers. Its thresholds are guesses for the first days: cosines of two networks cannot
//! be compared, and only `tillsight model calibrate` on the shop's own photos finds the right ones.

use super::manifest::{ColorOrder, Filter, Fit, Manifest};
use super::pooling::Pooling;
use super::tensor_info::TensorInfo;

#[derive(Debug)]
pub struct Preset {
    /// As `--preset` takes it.
    pub name: &'static str,
    /// The networks that the preset is for.
    pub description: &'static str,
    /// Width and height in pixels if the graph does not fix them.
    pub side: u32,
    /// Sides that the family's networks accept; empty: any.
    pub sides: &'static [u64],
    /// Numbers of values that the family's networks return; empty: any.
    pub dims: &'static [u64],
    pub resize: Fit,
    /// With `resize` = `crop`: the shorter side as a ratio to `side`, rounded down as timm and torchvision do; `None`: not
    /// scaled first.
    pub resize_to: Option<(u32, u32)>,
    pub filter: Filter,
    pub color: ColorOrder,
    /// Value of a pixel of full brightness before `mean` is subtracted.
    pub range: f32,
    pub mean: [f32; 3],
    pub std: [f32; 3],
    /// Names of outputs to read if there are several, best first.
    pub outputs: &'static [&'static str],
    /// The pooling of an output of tokens; `None`: the person must say.
    pub token_pooling: Option<Pooling>,
    /// Cosine below which a product is unknown, as a first guess.
    pub score: f32,
    /// Lead over the second product below which a match is ambiguous, as a first guess.
    pub margin: f32,
}

const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];
const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const CLIP_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
/// Shorter side 256 for a crop of 224, ImageNet's usual evaluation (8/7).
const TO_256_FOR_224: Option<(u32, u32)> = Some((8, 7));
/// The shorter side is scaled to the side of the crop.
const TO_SIDE: Option<(u32, u32)> = Some((1, 1));

/// The values that presets have unless they say otherwise.
const BASE: Preset = Preset {
    name: "",
    description: "",
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
    token_pooling: None,
    score: 0.6,
    margin: 0.05,
};

/// All presets, in the order in which they are tried and listed.
pub static PRESETS: [Preset; 9] = [
    // models/README.md and models/tillsight-small.json: 0..1, the normalisation is inside the graph.
    Preset {
        name: "tillsight",
        description: "models trained by models/train.py",
        side: 256,
        resize: Fit::Pad,
        filter: Filter::Bilinear,
        // The thresholds that the shipped models are calibrated to, rounded.
        score: 0.8,
        margin: 0.05,
        ..BASE
    },
    // facebook/dinov2-base, preprocessor_config.json: shortest_edge 256, crop_size 224, resample 3 (bicubic), ImageNet's
    // mean and std; the same in dinov2/data/transforms.py, make_classification_eval_transform. Token 0 after the last
    // LayerNorm is the class token: x_norm_clstoken there, pooler_output in transformers. Widths: ViT-S, B, L, g.
    Preset {
        name: "dinov2",
        description: "DINOv2 and its like: ImageNet's evaluation, bicubic; the class token",
        sides: &[196, 224, 252, 280, 336, 392, 448, 518],
        dims: &[384, 768, 1_024, 1_536],
        resize_to: TO_256_FOR_224,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        outputs: &["image_embedding", "embedding", "pooler_output", "x_norm_clstoken", "last_hidden_state"],
        token_pooling: Some(Pooling::Cls),
        score: 0.6,
        margin: 0.05,
        ..BASE
    },
    // openai/CLIP, clip/clip.py, _transform: Resize(n_px, BICUBIC), CenterCrop(n_px), these means and stds; the same in
    // openai/clip-vit-base-patch32, preprocessor_config.json. The projected image embedding is what was trained to be
    // compared; tokens are not, so they have no default pooling.
    Preset {
        name: "clip",
        description: "CLIP's image encoder (OpenAI, OpenCLIP, MobileCLIP S3, S4 and L-14): the projected embedding",
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
        ..BASE
    },
    // google/siglip-base-patch16-224, -384, -512 and siglip-large-patch16-256, preprocessor_config.json: size as both
    // height and width (so stretched), resample 3 (bicubic), mean and std 0.5. Its pooled output comes from an attention
    // head, which a mean over tokens does not replace.
    Preset {
        name: "siglip",
        description: "SigLIP's image encoder: stretched, bicubic; the pooled output",
        sides: &[224, 256, 384, 512],
        dims: &[768, 1_024, 1_152],
        resize: Fit::Stretch,
        mean: [0.5; 3],
        std: [0.5; 3],
        outputs: &["image_embedding", "embedding", "pooler_output", "image_embeds", "image_features"],
        score: 0.8,
        margin: 0.03,
        ..BASE
    },
    // google/siglip2-base-patch16-224 and -512, preprocessor_config.json: as SigLIP, but resample 2 (bilinear). Not for
    // the "naflex" members, which are fed patches.
    Preset {
        name: "siglip2",
        description: "SigLIP 2's image encoder of fixed size: stretched, bilinear; the pooled output",
        sides: &[224, 256, 384, 512],
        dims: &[768, 1_024, 1_152, 1_536],
        resize: Fit::Stretch,
        filter: Filter::Bilinear,
        mean: [0.5; 3],
        std: [0.5; 3],
        outputs: &["image_embedding", "embedding", "pooler_output", "image_embeds", "image_features"],
        score: 0.8,
        margin: 0.03,
        ..BASE
    },
    // apple/ml-mobileclip, mobileclip/__init__.py: Resize(side, BILINEAR), CenterCrop(side), ToTensor, no mean or std;
    // configs/*.json: side 256 for S0, S1 and S2, 224 for B.
    Preset {
        name: "mobileclip",
        description: "MobileCLIP S0, S1, S2 and B: 0..1 without mean and std, bilinear; the projected embedding",
        side: 256,
        sides: &[224, 256],
        dims: &[512],
        resize_to: TO_SIDE,
        filter: Filter::Bilinear,
        outputs: &["image_embedding", "embedding", "image_embeds", "image_features"],
        score: 0.8,
        margin: 0.03,
        ..BASE
    },
    // timm, timm/data/constants.py: DEFAULT_CROP_PCT 0.875, ImageNet's mean and std; bicubic as in most pretrained_cfg
    // (timm/resnet50.ra_in1k, config.json). Members differ: a model's own pretrained_cfg says what to override.
    Preset {
        name: "timm",
        description: "networks of timm trained on ImageNet, without their classifier; look at the model's pretrained_cfg",
        resize_to: TO_256_FOR_224,
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        score: 0.7,
        margin: 0.05,
        ..BASE
    },
    // TensorFlow's rule is x / 127.5 − 1 (keras.applications, mode "tf"); networks that were quantised from it round that to
    // whole grey levels. These are the values that go with google-coral/test_data's MobileNetV1 converted to ONNX.
    Preset {
        name: "mobilenet-v1",
        description: "TensorFlow's MobileNetV1: (x − 128) / 128, bilinear; the pooled features",
        sides: &[128, 160, 192, 224],
        dims: &[256, 512, 768, 1_024],
        filter: Filter::Bilinear,
        range: 255.0,
        mean: [128.0; 3],
        std: [128.0; 3],
        score: 0.7,
        margin: 0.05,
        ..BASE
    },
    // As above, with the values that go with google-coral/test_data's MobileNetV2 converted to ONNX.
    Preset {
        name: "mobilenet-v2",
        description: "TensorFlow's MobileNetV2: (x − 127) / 127.5, bilinear; the pooled features",
        sides: &[96, 128, 160, 192, 224],
        dims: &[1_280, 1_792],
        filter: Filter::Bilinear,
        range: 255.0,
        mean: [127.0; 3],
        std: [127.5; 3],
        score: 0.7,
        margin: 0.05,
        ..BASE
    },
];

impl Preset {
    pub fn by_name(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// Pixels of the shorter side before a square of `side` pixels is cut out.
    pub fn resize_to(&self, side: u32) -> Option<u32> {
        let (numerator, denominator) = self.resize_to?;
        Some((u64::from(side) * u64::from(numerator) / u64::from(denominator)).try_into().unwrap_or(side))
    }

    /// Why a graph with these sizes cannot be of this family; `None`: it can.
    pub(super) fn size_objection(&self, input: &TensorInfo, output: Option<&TensorInfo>) -> Option<String> {
        let shape = output.map_or(&[][..], |output| &output.shape);
        let values = match shape {
            [_, values] | [_, _, values] | [_, values, _, _] => values.fixed(),
            _ => None,
        };
        self.unknown_size(input.shape[2..].iter().filter_map(super::Dimension::fixed), values)
    }

    /// The sizes of a drafted manifest that this family does not have. A warning: the person may know better.
    pub fn size_warning(&self, manifest: &Manifest) -> Option<String> {
        let sides = [manifest.input.height, manifest.input.width].map(u64::from);
        self.unknown_size(sides.into_iter(), u64::try_from(manifest.output.dim).ok())
    }

    /// The first of these sizes that no network of the family has.
    fn unknown_size(&self, mut sides: impl Iterator<Item = u64>, values: Option<u64>) -> Option<String> {
        let accepts = |known: &[u64], size: u64| known.is_empty() || known.contains(&size);
        if let Some(side) = sides.find(|side| !accepts(self.sides, *side)) {
            return Some(format!("networks of this family do not take pictures of {side} pixels"));
        }
        let values = values.filter(|values| !accepts(self.dims, *values))?;
        Some(format!("networks of this family do not return {values} values per picture"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_side_is_scaled_as_in_the_usual_evaluation() {
        let dinov2 = Preset::by_name("dinov2").unwrap();
        assert_eq!([224, 518].map(|side| dinov2.resize_to(side)), [Some(256), Some(592)]);
        // floor(side / 0.875), as in timm's own configurations.
        let timm = Preset::by_name("timm").unwrap();
        let sides = [160, 256, 299, 320, 384].map(|side| timm.resize_to(side));
        assert_eq!(sides, [182, 292, 341, 365, 438].map(Some));
        let clip = Preset::by_name("clip").unwrap();
        assert_eq!([224, 336].map(|side| clip.resize_to(side)), [Some(224), Some(336)]);
        assert_eq!(Preset::by_name("siglip").unwrap().resize_to(384), None);
        assert!(Preset::by_name("resnet").is_none());
    }

    #[test]
    fn names_are_valid_and_unique() {
        for (at, preset) in PRESETS.iter().enumerate() {
            assert!(
                preset.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !preset.description.is_empty()
            );
            assert!(PRESETS[..at].iter().all(|other| other.name != preset.name));
            assert!(preset.resize_to.is_none() || preset.resize == Fit::Crop, "{}", preset.name);
        }
    }
}

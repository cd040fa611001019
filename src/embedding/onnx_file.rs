//! The metadata of an ONNX file, read without running the model.
//!
//! ONNX Runtime reports files that are not models, that are cut off, or whose weights are in other files with parser errors;
//! the few fields read here allow clear messages. Fields are numbered in `onnx.proto` (ONNX IR version 13); everything else
//! is skipped, above all the bytes of the weights.

use std::collections::BTreeSet;

use prost::Message;

use super::Refusal;

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;
/// Element types of `TensorProto.DataType` that hold no weights: 64-bit integers (sizes and positions), text, booleans.
const NO_WEIGHTS: [i32; 3] = [7, 8, 9];
/// How a Git LFS pointer begins: a clone has it in place of a file that was not fetched.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(string, tag = "2")]
    producer_name: String,
    #[prost(string, tag = "3")]
    producer_version: String,
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<FunctionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct FunctionProto {
    #[prost(message, repeated, tag = "7")]
    node: Vec<NodeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(message, optional, tag = "5")]
    tensor: Option<TensorProto>,
    #[prost(message, optional, tag = "6")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<StringStringEntryProto>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct StringStringEntryProto {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OnnxFile {
    /// Version of the file format.
    pub(super) ir_version: i64,
    /// The program that wrote the file, with its version; empty if the file does not say.
    pub(super) producer: String,
    /// Version of the standard operators.
    pub(super) opset: Option<i64>,
    /// Number of weights: elements of all constants except 64-bit integers, text and booleans.
    pub(super) parameters: u64,
    /// Other files that hold weights, by names relative to this file.
    pub(super) external_data: BTreeSet<String>,
}

impl OnnxFile {
    /// # Errors
    /// [`Refusal::NotOnnx`].
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let not_onnx = |reason: &str| Refusal::NotOnnx { reason: reason.to_owned() };
        if bytes.is_empty() {
            return Err(not_onnx("it is empty"));
        }
        if bytes.starts_with(LFS_POINTER) {
            return Err(not_onnx("it is a Git LFS pointer; run `git lfs pull` to fetch the file"));
        }
        let model = ModelProto::decode(bytes).map_err(|_| not_onnx("it is cut off or of another kind"))?;
        let graph = model.graph.ok_or_else(|| not_onnx("it contains no graph"))?;
        let mut file = Self {
            ir_version: model.ir_version,
            producer: format!("{} {}", model.producer_name, model.producer_version).trim().to_owned(),
            // "ai.onnx" is the long name of the default operator set, whose short name is empty.
            opset: model
                .opset_import
                .iter()
                .find(|set| ["", "ai.onnx"].contains(&set.domain.as_str()))
                .map(|set| set.version),
            parameters: 0,
            external_data: BTreeSet::new(),
        };
        file.count_graph(&graph);
        model.functions.iter().for_each(|function| file.count_nodes(&function.node));
        Ok(file)
    }

    fn count_graph(&mut self, graph: &GraphProto) {
        graph.initializer.iter().for_each(|tensor| self.count_tensor(tensor));
        self.count_nodes(&graph.node);
    }

    fn count_nodes(&mut self, nodes: &[NodeProto]) {
        for attribute in nodes.iter().flat_map(|node| &node.attribute) {
            attribute.tensor.iter().chain(&attribute.tensors).for_each(|tensor| self.count_tensor(tensor));
            attribute.graph.iter().chain(&attribute.graphs).for_each(|graph| self.count_graph(graph));
        }
    }

    fn count_tensor(&mut self, tensor: &TensorProto) {
        if !NO_WEIGHTS.contains(&tensor.data_type) {
            let sides = tensor.dims.iter().map(|side| u64::try_from(*side).unwrap_or(0));
            self.parameters = self.parameters.saturating_add(sides.fold(1, u64::saturating_mul));
        }
        if tensor.data_location == EXTERNAL {
            let location = tensor.external_data.iter().find(|entry| entry.key == "location");
            self.external_data.insert(location.map_or_else(|| "(unnamed)".to_owned(), |entry| entry.value.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::onnx_fixture::{model, op, op_with, with_external_weights};
    use super::*;

    #[test]
    fn the_opset_the_weights_and_the_external_files_are_read() {
        let bytes = model(&[-1, 3, 16, 16], &[op_with("Sub", 0.25), op("GlobalAveragePool"), op_with("Mul", 2.0)]);
        let file = OnnxFile::parse(&bytes).unwrap();
        assert_eq!((file.ir_version, file.opset, file.parameters), (8, Some(13), 2));
        assert!(file.external_data.is_empty() && file.producer.is_empty());
        let external = OnnxFile::parse(&with_external_weights("weights.bin")).unwrap();
        assert_eq!(external.external_data.into_iter().collect::<Vec<_>>(), ["weights.bin"]);
    }

    #[test]
    fn each_kind_of_invalid_file_has_its_own_message() {
        let whole = model(&[-1, 3, 16, 16], &[op("GlobalAveragePool"), op("Flatten")]);
        let message = |bytes: &[u8]| OnnxFile::parse(bytes).unwrap_err().to_string();
        for (bytes, expected) in [
            (&b""[..], "empty"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
            (b"<!DOCTYPE html><html>", "of another kind"),
            (b"not a model", "of another kind"),
            (&whole[..2], "no graph"),
        ] {
            assert!(message(bytes).contains(expected), "{}", message(bytes));
        }
        // The graph is between the first field and the last, so a missing end is noticed.
        for length in 3..whole.len() {
            if let Ok(file) = OnnxFile::parse(&whole[..length]) {
                panic!("{length} of {} bytes pass as {file:?}", whole.len());
            }
        }
    }
}

//! A command list in the submit thread's words, and how it is encoded.

use std::ops::Range;
use std::sync::Arc;

use super::job::Pass;
use super::pipelines::Compiled;
use super::submit::Copy;

/// One step.
#[derive(Debug)]
pub(super) enum Step {
    /// From the list's staging chunk.
    Stage {
        at: u64,
        to: (wgpu::Buffer, u64),
        bytes: u64,
    },
    Clear {
        buffer: wgpu::Buffer,
        offset: u64,
        bytes: u64,
    },
    Copy(Copy),
    Dispatch {
        compiled: Arc<Compiled>,
        /// Index into the list's bind groups.
        group: usize,
        /// Where its uniforms begin: a part of the list's offsets.
        offsets: Range<usize>,
        /// A part of the list's passes.
        passes: Range<usize>,
    },
}

/// Commands that run in their order.
#[derive(Debug, Default)]
pub(super) struct List {
    pub steps: Vec<Step>,
    pub groups: Vec<wgpu::BindGroup>,
    pub offsets: Vec<u32>,
    pub passes: Vec<Pass>,
    /// The staging chunk.
    pub chunk: Option<wgpu::Buffer>,
    /// From the chunk to the buffer of all uniforms, before the first step.
    pub uniforms: Option<Copy>,
}

/// Dispatches that follow each other share one compute pass; wgpu puts barriers between those that need them.
pub(super) fn encode_list(encoder: &mut wgpu::CommandEncoder, list: &List) {
    let copy = |encoder: &mut wgpu::CommandEncoder, copy: &Copy| {
        encoder.copy_buffer_to_buffer(&copy.from.0, copy.from.1, &copy.to.0, copy.to.1, copy.bytes);
    };
    if let Some(uniforms) = &list.uniforms {
        copy(encoder, uniforms);
    }
    let mut steps = list.steps.iter().peekable();
    while let Some(step) = steps.peek() {
        match step {
            Step::Stage { at, to, bytes } => {
                if let Some(chunk) = &list.chunk {
                    encoder.copy_buffer_to_buffer(chunk, *at, &to.0, to.1, *bytes);
                }
            }
            Step::Clear { buffer, offset, bytes } => encoder.clear_buffer(buffer, *offset, Some(*bytes)),
            Step::Copy(step) => copy(encoder, step),
            Step::Dispatch { .. } => {
                dispatches(encoder, list, &mut steps);
                continue;
            }
        }
        steps.next();
    }
}

fn dispatches<'a>(
    encoder: &mut wgpu::CommandEncoder,
    list: &List,
    steps: &mut std::iter::Peekable<impl Iterator<Item = &'a Step>>,
) {
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
    let mut bound = None;
    let mut set: Option<&wgpu::ComputePipeline> = None;
    while let Some(Step::Dispatch { compiled, group, offsets, passes }) =
        steps.next_if(|step| matches!(step, Step::Dispatch { .. }))
    {
        let offsets = &list.offsets[offsets.clone()];
        if bound != Some((*group, offsets)) {
            pass.set_bind_group(0, &list.groups[*group], offsets);
            bound = Some((*group, offsets));
        }
        for step in &list.passes[passes.clone()] {
            let pipeline = &compiled.pipelines[step.entry];
            if set.is_none_or(|set| !std::ptr::eq(set, pipeline)) {
                pass.set_pipeline(pipeline);
                set = Some(pipeline);
            }
            pass.dispatch_workgroups(step.groups[0], step.groups[1], step.groups[2]);
        }
    }
}

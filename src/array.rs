//! Arrays whose elements lie where they were last used: in host memory, on a device, or both.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use crate::error::{Error, GraphError, Result};
use crate::kernel::place::Place;
use crate::kernel::scalar::Scalar;
use crate::runtime::graph::RunError;
use crate::runtime::graph::Store;
use crate::runtime::graph::host::HostBuffer;

/// An array of `f32`, `u32`, `i32` or `bool` for [graphs](crate::Graph), with a residency: results of a graph may stay on
/// the device that computed them until somebody looks.
///
/// Its elements do not change. Cheap to clone: clones share the elements.
///
/// ```
/// use veda::Array;
///
/// let a = Array::from(vec![1.0f32, 2.0, 3.0]); // takes the vector over, no copy
/// assert_eq!(a.len(), 3);
/// assert_eq!(a.as_slice()?[1], 2.0);
/// assert_eq!(a.to_vec()?, [1.0, 2.0, 3.0]);
/// # Ok::<(), veda::Error>(())
/// ```
///
/// Kernels outside graphs take its elements as a slice:
///
/// ```
/// # use veda::Array;
/// #[veda::kernel]
/// fn square(x: f32) -> f32 { x * x }
///
/// let a = Array::from([1.0f32, 2.0, 3.0]);
/// let squares = Array::from(veda::gpu::execute(square::on(a.as_slice()?))?);
/// assert_eq!(squares.as_slice()?, [1.0, 4.0, 9.0]);
/// # Ok::<(), veda::Error>(())
/// ```
#[derive(Clone)]
pub struct Array<T> {
    store: Arc<Store>,
    /// The host copy once somebody looked, so that slices of it can be handed out.
    host: OnceLock<Arc<HostBuffer>>,
    ty: PhantomData<fn() -> T>,
}

impl<T: Scalar> Array<T> {
    /// Of a result of a graph.
    pub(crate) fn of_store(store: Arc<Store>) -> Array<T> {
        Array { store, host: OnceLock::new(), ty: PhantomData }
    }

    /// Where its elements are.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    fn host(&self) -> Result<&Arc<HostBuffer>> {
        if self.host.get().is_none() {
            let fetched = self.store.host().map_err(run_error)?;
            let _ = self.host.set(fetched); // another thread may have been first, with the same buffer
        }
        self.host.get().ok_or_else(|| run_error(RunError::Cancelled))
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in host memory. Blocks for a download the first time if they are only on a device.
    ///
    /// # Errors
    /// [`GraphError::ArrayLost`] if the only copy was on a device that was lost, [`Error::Device`].
    pub fn as_slice(&self) -> Result<&[T]> {
        let host = self.host()?;
        // SAFETY: a store is complete and immutable: nobody writes its buffers any more.
        let slice = unsafe { host.window(0, host.len()) };
        Ok(slice.get().unwrap_or(&[]))
    }

    /// Hands the elements in host memory to a function.
    ///
    /// ```
    /// # use veda::Array;
    /// let a = Array::from(vec![1u32, 2, 3]);
    /// assert_eq!(a.read(|xs| xs.iter().sum::<u32>())?, 6);
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`as_slice`](Self::as_slice).
    pub fn read<R>(&self, f: impl FnOnce(&[T]) -> R) -> Result<R> {
        Ok(f(self.as_slice()?))
    }

    /// A copy of the elements.
    ///
    /// # Errors
    /// As [`as_slice`](Self::as_slice).
    pub fn to_vec(&self) -> Result<Vec<T>> {
        Ok(self.as_slice()?.to_vec())
    }

    /// The elements as a vector: without a copy if nobody else holds the array (a clone, a graph, a plan), else a copy.
    ///
    /// ```
    /// # use veda::Array;
    /// let a = Array::from(vec![1u32, 2, 3]);
    /// assert_eq!(a.into_vec()?, [1, 2, 3]);
    /// # Ok::<(), veda::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`as_slice`](Self::as_slice).
    pub fn into_vec(self) -> Result<Vec<T>> {
        self.host()?;
        let Array { store, host, .. } = self;
        let mut held = host.into_inner();
        drop(store); // the last holder's store gives its own handle of the buffer up
        if let Some(buffer) = held.take() {
            match Arc::try_unwrap(buffer) {
                Ok(buffer) => return Ok(buffer.into_vec().unwrap_or_default()),
                Err(shared) => held = Some(shared),
            }
        }
        let Some(shared) = held else { return Ok(Vec::new()) };
        // SAFETY: as in `as_slice`.
        let slice = unsafe { shared.window(0, shared.len()) };
        Ok(slice.get::<T>().unwrap_or(&[]).to_vec())
    }

    /// Where its elements are now: in host memory ([`Place::Cpu`]), on devices, or both.
    ///
    /// ```
    /// # use veda::{Array, gpu::Place};
    /// assert_eq!(Array::from(vec![1.0f32]).places(), [Place::Cpu]);
    /// ```
    pub fn places(&self) -> Vec<Place> {
        self.store.valid().into_iter().collect()
    }
}

impl<T> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<String> = self.store.valid().iter().map(ToString::to_string).collect();
        write!(f, "Array<{}>[{}] on {}", std::any::type_name::<T>(), self.store.len(), places.join(", "))
    }
}

impl<T: Scalar> From<Vec<T>> for Array<T> {
    /// Takes the vector over, without a copy.
    fn from(vec: Vec<T>) -> Array<T> {
        Array::of_store(Store::from_host("array", HostBuffer::from_vec(vec)))
    }
}
impl<T: Scalar> From<&[T]> for Array<T> {
    fn from(slice: &[T]) -> Array<T> {
        Array::from(slice.to_vec())
    }
}
impl<T: Scalar, const N: usize> From<[T; N]> for Array<T> {
    fn from(array: [T; N]) -> Array<T> {
        Array::from(array.to_vec())
    }
}
impl<T: Scalar> FromIterator<T> for Array<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Array<T> {
        Array::from(iter.into_iter().collect::<Vec<T>>())
    }
}

/// The public form of an executor's error.
pub(crate) fn run_error(error: RunError) -> Error {
    match error {
        RunError::Cancelled => GraphError::Cancelled.into(),
        RunError::Panicked { node, message } => GraphError::Panicked { node, message }.into(),
        RunError::Node { source: Error::Graph(error), .. } => error.into(),
        RunError::Node { node, source } => GraphError::Node { node, reason: source.to_string() }.into(),
        RunError::ArrayLost { array, device } => GraphError::ArrayLost { array, device }.into(),
        RunError::Device { device, reason } => Error::Device { device, reason },
        RunError::Graph(error) => GraphError::Unplannable { reason: error.to_string() }.into(),
        RunError::Plan { reason } => GraphError::Unplannable { reason }.into(),
    }
}

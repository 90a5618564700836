//! Finds the descriptor of a function or closure by its type.
//!
//! A kernel is an ordinary fn item; its type is unique, so the `TypeId` of that type identifies it. The macro submits
//! the ids at link time (`inventory`); [`find`] looks a type up once per stage at the terminal operation (about 8 ns).
//! Closures of `kernel_fn!` cannot be named, so they are entered into a second table when they are created.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

use veda_kernels_ir::ast::Value;

use super::desc::KernelDesc;
use super::scalar::Value32;

/// A kernel's entry in the link-time registry.
#[derive(Debug)]
pub struct Registered {
    /// The type ids of its instances (`square::<f32>`, `square::<&f32>`).
    pub ids: fn() -> Vec<TypeId>,
    /// Its descriptor.
    pub desc: &'static KernelDesc,
}
inventory::collect!(Registered);

/// The id of the type of a value that cannot be named, such as a fn item.
pub fn id_of<F: 'static>(_: &F) -> TypeId {
    TypeId::of::<F>()
}

/// The id of a type with its lifetimes erased, so that it may be asked for a type that is not `'static`.
///
/// The trick of the `typeid` crate: a trait object whose method is compiled for `T` and called as if `T: 'static`.
/// Lifetimes do not exist at code generation, so the method's `T` is the same type.
#[inline]
pub fn key<T: ?Sized>() -> TypeId {
    trait Erased {
        fn id(&self) -> TypeId
        where
            Self: 'static;
    }
    impl<T: ?Sized> Erased for PhantomData<T> {
        fn id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }
    let erased: &dyn Erased = &PhantomData::<T>;
    // SAFETY: only the lifetime bound of the trait object is extended. The method that is called through it reads no
    // data of type T (a PhantomData has none) and only asks for the compile-time id of T.
    let erased: &(dyn Erased + 'static) = unsafe { std::mem::transmute(erased) };
    erased.id()
}

/// A hasher for `TypeId`, which is a hash already.
#[derive(Debug, Default)]
pub(super) struct Identity(u64);
impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(b);
        }
    }
    fn write_u64(&mut self, x: u64) {
        self.0 = x;
    }
}
pub(super) type ById<V> = HashMap<TypeId, V, BuildHasherDefault<Identity>>;

fn functions() -> &'static ById<&'static KernelDesc> {
    static TABLE: OnceLock<ById<&'static KernelDesc>> = OnceLock::new();
    TABLE.get_or_init(|| {
        inventory::iter::<Registered>.into_iter().flat_map(|r| (r.ids)().into_iter().map(|id| (id, r.desc))).collect()
    })
}

/// Every kernel of the program that was linked in, in no particular order.
pub fn kernels() -> impl Iterator<Item = &'static KernelDesc> {
    inventory::iter::<Registered>.into_iter().map(|r| r.desc)
}

/// The captured scalars of a `kernel_fn!` closure; the closure's only capture.
#[derive(Clone, Copy, Debug)]
pub struct Caps<T>(pub T);

/// A tuple of captured scalars.
pub trait Captured: Copy + 'static {
    /// Their values, in order.
    fn values(self) -> Vec<Value>;
}

macro_rules! captured {
    ($($t:ident $i:tt),*) => {
        impl<$($t: Value32),*> Captured for ($($t,)*) {
            fn values(self) -> Vec<Value> {
                vec![$(self.$i.value()),*]
            }
        }
    };
}
captured!();
captured!(A 0);
captured!(A 0, B 1);
captured!(A 0, B 1, C 2);
captured!(A 0, B 1, C 2, D 3);
captured!(A 0, B 1, C 2, D 3, E 4);
captured!(A 0, B 1, C 2, D 3, E 4, F 5);
captured!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
captured!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

impl<T: Captured> Caps<T> {
    /// The captured tuple. A method on the whole value, so that a closure that calls it captures the whole value.
    #[inline(always)]
    pub fn all(&self) -> T {
        self.0
    }
}

#[derive(Clone, Copy)]
struct Closure {
    desc: &'static KernelDesc,
    /// Reads the captures back from a pointer to the closure.
    read: unsafe fn(*const u8) -> Vec<Value>,
}

static CLOSURES: RwLock<ById<Closure>> = RwLock::new(HashMap::with_hasher(BuildHasherDefault::new()));
static ANY_CLOSURE: AtomicBool = AtomicBool::new(false);

/// Enters a closure of `kernel_fn!` and hands it back. `caps` is what the closure captured (and nothing else).
///
/// Costs a read lock and a hash lookup per evaluation of `kernel_fn!`; not per element.
#[inline]
pub fn tag<F: 'static, T: Captured>(_caps: Caps<T>, desc: &'static KernelDesc, closure: F) -> F {
    if size_of::<F>() == size_of::<Caps<T>>() && align_of::<F>() == align_of::<Caps<T>>() {
        enter(TypeId::of::<F>(), Closure { desc, read: read::<T> });
    }
    closure
}

/// # Safety
/// `closure` points to a closure whose only capture is a `Caps<T>`, by value.
unsafe fn read<T: Captured>(closure: *const u8) -> Vec<Value> {
    // SAFETY: the closure's only field is a `Caps<T>` and both have one size, so the field is at offset 0.
    unsafe { closure.cast::<Caps<T>>().read() }.all().values()
}

fn enter(id: TypeId, closure: Closure) {
    let known = CLOSURES.read().unwrap_or_else(PoisonError::into_inner).contains_key(&id);
    if !known {
        CLOSURES.write().unwrap_or_else(PoisonError::into_inner).insert(id, closure);
        ANY_CLOSURE.store(true, Ordering::Release);
    }
}

/// The kernel that `f` is, with the values that it captured; `None` for an ordinary function or closure.
///
/// ```
/// # use veda::__private::find;
/// assert!(find(&|x: f32| x + 1.0).is_none());
/// ```
pub fn find<F>(f: &F) -> Option<(&'static KernelDesc, Vec<Value>)> {
    let id = key::<F>();
    if size_of::<F>() == 0
        && let Some(desc) = functions().get(&id)
    {
        return Some((desc, Vec::new()));
    }
    if ANY_CLOSURE.load(Ordering::Acquire) {
        let closure = CLOSURES.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied()?;
        // SAFETY: `F` is the type that `tag` entered under this id, so `f` points to such a closure.
        let captures = unsafe { (closure.read)(std::ptr::from_ref(f).cast()) };
        return Some((closure.desc, captures));
    }
    None
}

//! Every adapter and terminal operation against the standard library's iterators.
#![allow(clippy::format_collect)] // the shortest way to a reference value
#![allow(missing_docs)]

use std::collections::HashMap;

use proptest::prelude::*;
use veda::iter::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn map_filter_collect(xs in prop::collection::vec(any::<u32>(), 0..3000)) {
        let par: Vec<u32> = xs.par_iter().map(|x| x.rotate_left(3)).collect();
        prop_assert_eq!(par, xs.iter().map(|x| x.rotate_left(3)).collect::<Vec<_>>());
        let par: Vec<&u32> = xs.par_iter().filter(|x| **x % 3 == 0).collect();
        prop_assert_eq!(par, xs.iter().filter(|x| **x % 3 == 0).collect::<Vec<_>>());
        let par: Vec<u32> = xs.par_iter().filter_map(|x| x.checked_add(1 << 31)).collect();
        prop_assert_eq!(par, xs.iter().filter_map(|x| x.checked_add(1 << 31)).collect::<Vec<_>>());
        let par: Vec<u32> = xs.par_iter().flat_map_iter(|x| 0..x % 4).collect();
        prop_assert_eq!(par, xs.iter().flat_map(|x| 0..x % 4).collect::<Vec<_>>());
    }

    #[test]
    fn indexed_adapters(xs in prop::collection::vec(any::<i16>(), 0..2000), n in 1usize..50, max in 1usize..100) {
        let par = || xs.par_iter().copied().with_max_len(max).with_min_len(2);
        let seq = || xs.iter().copied();
        prop_assert_eq!(par().rev().collect::<Vec<_>>(), seq().rev().collect::<Vec<_>>());
        prop_assert_eq!(par().skip(n).collect::<Vec<_>>(), seq().skip(n).collect::<Vec<_>>());
        prop_assert_eq!(par().take(n).collect::<Vec<_>>(), seq().take(n).collect::<Vec<_>>());
        prop_assert_eq!(par().step_by(n).collect::<Vec<_>>(), seq().step_by(n).collect::<Vec<_>>());
        prop_assert_eq!(par().step_by(n).rev().collect::<Vec<_>>(), {
            let mut v: Vec<_> = seq().step_by(n).collect();
            v.reverse();
            v
        });
        prop_assert_eq!(par().enumerate().rev().collect::<Vec<_>>(), seq().enumerate().rev().collect::<Vec<_>>());
        prop_assert_eq!(par().zip(par().skip(n)).rev().collect::<Vec<_>>(), seq().zip(seq().skip(n)).rev().collect::<Vec<_>>());
        prop_assert_eq!(par().chunks(n).collect::<Vec<_>>(), xs.chunks(n).map(<[i16]>::to_vec).collect::<Vec<_>>());
        prop_assert_eq!(par().chunks(n).rev().collect::<Vec<_>>(), xs.chunks(n).rev().map(<[i16]>::to_vec).collect::<Vec<_>>());
        prop_assert_eq!(xs.par_chunks(n).map(<[i16]>::to_vec).collect::<Vec<_>>(), xs.chunks(n).map(<[i16]>::to_vec).collect::<Vec<_>>());
        prop_assert_eq!(xs.par_windows(n).with_max_len(max).map(<[i16]>::to_vec).collect::<Vec<_>>(), xs.windows(n).map(<[i16]>::to_vec).collect::<Vec<_>>());
        prop_assert_eq!(par().update(|x| *x = x.wrapping_mul(3)).collect::<Vec<_>>(), seq().map(|x| x.wrapping_mul(3)).collect::<Vec<_>>());
        let mut ys = vec![7; 3];
        par().inspect(|_| ()).collect_into_vec(&mut ys);
        prop_assert_eq!(&ys, &xs);
        let mut ys = xs.clone();
        ys.par_iter_mut().enumerate().for_each(|(i, y)| *y = y.wrapping_add(i as i16));
        prop_assert_eq!(ys, xs.iter().enumerate().map(|(i, x)| x.wrapping_add(i as i16)).collect::<Vec<_>>());
        let mut ys = xs.clone();
        ys.par_chunks_mut(n).for_each(<[i16]>::reverse);
        prop_assert_eq!(ys, xs.chunks(n).flat_map(|c| c.iter().rev().copied()).collect::<Vec<_>>());
    }

    #[test]
    fn terminals(xs in prop::collection::vec(any::<i32>(), 0..3000), probe in any::<i32>()) {
        let par = || xs.par_iter().copied().with_max_len(17);
        let seq = || xs.iter().copied();
        prop_assert_eq!(par().map(i64::from).sum::<i64>(), seq().map(i64::from).sum::<i64>());
        prop_assert_eq!(par().map(|x| x & 1).map(|x| i64::from(x) + 1).with_max_len(9).count(), xs.len());
        prop_assert_eq!(par().min(), seq().min());
        prop_assert_eq!(par().max(), seq().max());
        prop_assert_eq!(par().enumerate().min_by_key(|&(_, x)| x >> 24), seq().enumerate().min_by_key(|&(_, x)| x >> 24));
        prop_assert_eq!(par().enumerate().max_by_key(|&(_, x)| x >> 24), seq().enumerate().max_by_key(|&(_, x)| x >> 24));
        prop_assert_eq!(par().enumerate().min_by(|a, b| (a.1 >> 24).cmp(&(b.1 >> 24))), seq().enumerate().min_by(|a, b| (a.1 >> 24).cmp(&(b.1 >> 24))));
        prop_assert_eq!(par().enumerate().max_by(|a, b| (a.1 >> 24).cmp(&(b.1 >> 24))), seq().enumerate().max_by(|a, b| (a.1 >> 24).cmp(&(b.1 >> 24))));
        prop_assert_eq!(par().any(|x| x < probe), seq().any(|x| x < probe));
        prop_assert_eq!(par().all(|x| x < probe), seq().all(|x| x < probe));
        prop_assert_eq!(par().find_first(|&x| x < probe), seq().find(|&x| x < probe));
        prop_assert_eq!(par().find_any(|&x| x < probe).is_some(), seq().any(|x| x < probe));
        prop_assert_eq!(par().position_first(|x| x < probe), seq().position(|x| x < probe));
        prop_assert_eq!(par().reduce_with(|a, b| a ^ b), seq().reduce(|a, b| a ^ b));
        let (a, b): (Vec<i32>, Vec<usize>) = par().enumerate().map(|(i, x)| (x, i)).unzip();
        prop_assert_eq!(&a, &xs);
        prop_assert_eq!(b, (0..xs.len()).collect::<Vec<_>>());
        let map: HashMap<usize, i32> = par().enumerate().collect();
        prop_assert_eq!(map, seq().enumerate().collect::<HashMap<_, _>>());
        let checked = |x: i32| if x < probe { Err(x) } else { Ok(x) };
        prop_assert_eq!(par().map(checked).collect::<Result<Vec<_>, _>>(), seq().map(checked).collect::<Result<Vec<_>, _>>());
        let words: String = par().with_max_len(3).map(|x| format!("{x},")).reduce(String::new, |a, b| a + &b);
        prop_assert_eq!(words, seq().map(|x| format!("{x},")).collect::<String>());
        let folded: Vec<i32> = par().fold(Vec::new, |mut v, x| { v.push(x); v }).reduce(Vec::new, |mut a, mut b| { a.append(&mut b); a });
        prop_assert_eq!(folded, xs.clone());
    }

    #[test]
    fn ranges(a in any::<i8>(), b in any::<i8>(), c in any::<i64>(), n in 0i64..300) {
        prop_assert_eq!((a..b).into_par_iter().with_max_len(7).collect::<Vec<_>>(), (a..b).collect::<Vec<_>>());
        prop_assert_eq!((a..=b).into_par_iter().with_max_len(7).rev().collect::<Vec<_>>(), (a..=b).rev().collect::<Vec<_>>());
        let d = c.saturating_add(n);
        prop_assert_eq!((c..d).into_par_iter().with_max_len(7).rev().collect::<Vec<_>>(), (c..d).rev().collect::<Vec<_>>());
        prop_assert_eq!((c..=d).into_par_iter().with_max_len(7).collect::<Vec<_>>(), (c..=d).collect::<Vec<_>>());
    }

    #[test]
    fn float_sums_do_not_depend_on_piece_lengths(xs in prop::collection::vec(-1e20f32..1e20, 0..20_000), n in 1usize..5000) {
        let sum: f32 = xs.par_iter().sum();
        for other in [
            xs.par_iter().with_max_len(n).sum::<f32>(),
            xs.par_iter().with_min_len(n).copied().sum(),
            xs.clone().into_par_iter().with_max_len(n).sum(),
            xs.par_iter().map(|x| *x).rev().rev().with_max_len(3).sum(),
        ] {
            prop_assert_eq!(sum.to_bits(), other.to_bits());
        }
        let exact: f64 = xs.iter().map(|x| f64::from(*x)).sum();
        let scale: f64 = xs.iter().map(|x| f64::from(x.abs())).sum();
        prop_assert!((f64::from(sum) - exact).abs() <= 1e-4 * scale + 1e-30);
        let tree = |n| xs.par_iter().with_max_len(n).copied().reduce(|| 0.0, |a, b| a + b);
        prop_assert_eq!(tree(1).to_bits(), tree(n).to_bits());
        let fold = |n| xs.par_iter().with_max_len(n).fold(|| 0.0, |a, b| a + b).reduce(|| 0.0, |a, b| a + b);
        prop_assert_eq!(fold(1).to_bits(), fold(n).to_bits());
    }
}

#[test]
fn empty_sums_are_those_of_the_standard_library() {
    let none: [f32; 0] = [];
    assert_eq!(none.par_iter().sum::<f32>().to_bits(), none.iter().sum::<f32>().to_bits());
    assert_eq!(none.par_iter().product::<f32>(), 1.0);
    assert_eq!(none.par_iter().map(|_| 1u64).sum::<u64>(), 0);
}

#[test]
fn wide_integer_ranges_have_their_length() {
    assert_eq!((i32::MIN..=i32::MAX).into_par_iter().len(), 1 << 32);
    assert_eq!((i64::MIN..i64::MAX).into_par_iter().len(), usize::MAX);
    assert_eq!((250u8..=255).into_par_iter().map(u32::from).sum::<u32>(), 250 + 251 + 252 + 253 + 254 + 255);
}

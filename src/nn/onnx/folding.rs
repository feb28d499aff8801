//! Arithmetic of constants, as exporters write it for shapes and weights.

use super::attributes::Reading;
use super::constant::{Constant, Number};
use super::error::OnnxFault;

/// Largest number of elements that a constant may grow to: none of a network's own constants are made by arithmetic.
const MOST: usize = 1 << 28;

/// A place on an axis, counted from its end if it is negative.
pub(super) fn axis_of(reading: &Reading<'_>, axis: i64, rank: usize) -> Result<usize, OnnxFault> {
    let from_start = if axis < 0 { axis + rank as i64 } else { axis };
    let inside = usize::try_from(from_start).ok().filter(|&axis| axis < rank);
    inside.ok_or_else(|| reading.fault(format!("the axis {axis} must lie within the {rank} axes of its input")))
}

/// The places of a slice along an axis of this length.
pub(super) fn slice_places(begin: i64, end: i64, step: i64, length: usize) -> Option<Vec<usize>> {
    let length = length as i64;
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let inside = |place: i64| {
        let place = if place < 0 { place.saturating_add(length) } else { place };
        place.clamp(low, high)
    };
    let (begin, end) = (inside(begin).max(if step > 0 { 0 } else { -1 }), inside(end));
    let mut places = Vec::new();
    let mut at = begin;
    while (step > 0 && at < end) || (step < 0 && at > end) {
        places.push(at as usize);
        at = at.checked_add(step)?;
    }
    (step != 0).then_some(places)
}

/// The shape that Reshape asks for.
pub(super) fn reshaped(
    reading: &Reading<'_>,
    old: &[usize],
    asked: &[i64],
    zero_is_zero: bool,
) -> Result<Vec<usize>, OnnxFault> {
    let count: usize = old.iter().product();
    let shapes = || format!("can't make the shape {asked:?} of {old:?}");
    let mut new = Vec::with_capacity(asked.len());
    let mut open = None;
    for (axis, &length) in asked.iter().enumerate() {
        new.push(match length {
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            -1 => return Err(reading.fault(format!("{}: only one length can be open", shapes()))),
            0 if !zero_is_zero => *old.get(axis).ok_or_else(|| reading.fault(shapes()))?,
            length => usize::try_from(length).map_err(|_| reading.fault(shapes()))?,
        });
    }
    let known = new.iter().try_fold(1usize, |product, &length| product.checked_mul(length));
    let known = known.ok_or_else(|| reading.fault(shapes()))?;
    if let Some(axis) = open {
        if known == 0 || !count.is_multiple_of(known) {
            return Err(reading.fault(shapes()));
        }
        new[axis] = count / known;
    } else if known != count {
        return Err(reading.fault(shapes()));
    }
    Ok(new)
}

/// Splits a row-major place into its coordinates.
fn coordinates(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (place, &length) in place.iter_mut().zip(shape).rev() {
        *place = at % length.max(1);
        at /= length.max(1);
    }
    place
}

/// The value at these coordinates, right-aligned; axes of length 1 repeat.
fn at(constant: &Constant, place: &[usize]) -> f64 {
    let skip = place.len() - constant.shape.len();
    let index = constant
        .shape
        .iter()
        .zip(&place[skip..])
        .fold(0, |index, (&length, &place)| index * length + if length == 1 { 0 } else { place });
    constant.values[index]
}

/// A new constant of `shape`, each value made from its coordinates.
fn filled(
    reading: &Reading<'_>,
    shape: Vec<usize>,
    kind: Number,
    value: impl Fn(&[usize]) -> f64,
) -> Result<Constant, OnnxFault> {
    let count =
        shape.iter().try_fold(1usize, |count, &length| count.checked_mul(length)).filter(|&count| count <= MOST);
    let count = count
        .ok_or_else(|| reading.fault(format!("would make a constant of the shape {shape:?}, which is too large")))?;
    let values = (0..count).map(|index| value(&coordinates(index, &shape))).collect();
    Ok(Constant { shape, values, kind })
}

/// The shape of two constants that repeat along axes of length 1.
fn together(reading: &Reading<'_>, a: &[usize], b: &[usize]) -> Result<Vec<usize>, OnnxFault> {
    let rank = a.len().max(b.len());
    let length = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    let one = |axis| match (length(a, axis), length(b, axis)) {
        (a, b) if a == b || b == 1 => Ok(a),
        (1, b) => Ok(b),
        _ => Err(reading.fault(format!("the shapes {a:?} and {b:?} don't fit together"))),
    };
    (0..rank).map(one).collect()
}

/// The lengths that Shape gives of a shape: those from `start` on and before `end`.
pub(super) fn lengths(reading: &Reading<'_>, shape: &[usize]) -> Result<Constant, OnnxFault> {
    let rank = shape.len() as i64;
    let place = |name, default: i64| -> Result<usize, OnnxFault> {
        let asked = reading.integer(name)?.unwrap_or(default);
        Ok((if asked < 0 { asked.saturating_add(rank) } else { asked }).clamp(0, rank) as usize)
    };
    let (start, end) = (place("start", 0)?, place("end", rank)?);
    let lengths = shape.get(start..end).unwrap_or(&[]);
    Ok(Constant::integers(lengths.iter().map(|&length| length as i64).collect()))
}

/// Computes a node all of whose inputs are constants. None if its operator is not one of those that fold.
pub(super) fn fold(
    reading: &Reading<'_>,
    inputs: &[Option<&Constant>],
    opset: i64,
) -> Result<Option<Constant>, OnnxFault> {
    let first = || inputs.first().copied().flatten().ok_or_else(|| reading.fault("its first input is missing"));
    let list = |place: usize, attribute: &'static str| -> Result<Option<Vec<i64>>, OnnxFault> {
        match inputs.get(place).copied().flatten() {
            Some(constant) => constant.to_integers().map(Some).ok_or_else(|| reading.fault("needs integers")),
            None => Ok(reading.integers(attribute)),
        }
    };
    let shaped = |x: &Constant, shape: Vec<usize>| Constant { shape, values: x.values.clone(), kind: x.kind };
    Ok(Some(match reading.node.op_type.as_str() {
        "Identity" | "Dropout" => {
            reading.ignore(&["ratio", "seed"]);
            first()?.clone()
        }
        "Cast" => {
            let x = first()?;
            let to = reading.integer("to")?.ok_or_else(|| reading.fault("the attribute \"to\" is missing"))?;
            reading.ignore(&["saturate", "round_mode"]);
            let (kind, value): (Number, fn(f64) -> f64) = match to {
                1 => (Number::Real, |v| f64::from(v as f32)),
                10 => (Number::Real, |v| half::f16::from_f64(v).to_f64()),
                16 => (Number::Real, |v| half::bf16::from_f64(v).to_f64()),
                11 => (Number::Real, |v| v),
                2..=7 | 12 | 13 => (Number::Integer, f64::trunc),
                9 => (Number::Integer, |v| f64::from(u8::from(v != 0.0))),
                other => return Err(reading.fault(format!("can't make numbers of type {other}"))),
            };
            Constant { shape: x.shape.clone(), values: x.values.iter().map(|&v| value(v)).collect(), kind }
        }
        "Add" | "Sub" | "Mul" | "Div" => {
            let (a, b) = (
                first()?,
                inputs.get(1).copied().flatten().ok_or_else(|| reading.fault("its second input is missing"))?,
            );
            let is_integer = a.kind == Number::Integer && b.kind == Number::Integer;
            if is_integer && reading.node.op_type == "Div" && b.values.contains(&0.0) {
                return Err(reading.fault("divides by 0"));
            }
            let compute = |a: f64, b: f64| match reading.node.op_type.as_str() {
                "Add" => a + b,
                "Sub" => a - b,
                "Mul" => a * b,
                _ if is_integer => (a / b).trunc(),
                _ => a / b,
            };
            reading.ignore(&["axis", "broadcast"]);
            let shape = together(reading, &a.shape, &b.shape)?;
            let kind = if is_integer { Number::Integer } else { Number::Real };
            filled(reading, shape, kind, |place| compute(at(a, place), at(b, place)))?
        }
        "Neg" | "Sqrt" | "Floor" | "Ceil" | "Abs" | "Exp" | "Reciprocal" => {
            let x = first()?;
            let value: fn(f64) -> f64 = match reading.node.op_type.as_str() {
                "Neg" => |v| -v,
                "Sqrt" => f64::sqrt,
                "Floor" => f64::floor,
                "Ceil" => f64::ceil,
                "Abs" => f64::abs,
                "Exp" => f64::exp,
                _ => |v| 1.0 / v,
            };
            Constant { shape: x.shape.clone(), values: x.values.iter().map(|&v| value(v)).collect(), kind: x.kind }
        }
        "Shape" => lengths(reading, &first()?.shape)?,
        "Concat" => {
            let parts: Vec<&Constant> = inputs.iter().copied().flatten().collect();
            let x = first()?;
            let axis = axis_of(reading, reading.integer("axis")?.unwrap_or(0), x.shape.len())?;
            let mut shape = x.shape.clone();
            shape[axis] = parts.iter().map(|part| part.shape.get(axis).copied().unwrap_or(0)).sum();
            let alike = |part: &&Constant| {
                part.shape.len() == shape.len()
                    && (0..shape.len()).all(|other| other == axis || part.shape[other] == shape[other])
            };
            if !parts.iter().all(alike) {
                return Err(reading.fault("its inputs don't fit together"));
            }
            let kind = x.kind;
            filled(reading, shape, kind, |place| {
                let mut place = place.to_vec();
                let mut number = 0;
                while place[axis] >= parts[number].shape[axis] {
                    place[axis] -= parts[number].shape[axis];
                    number += 1;
                }
                at(parts[number], &place)
            })?
        }
        "Gather" => {
            let (x, indices) =
                (first()?, inputs.get(1).copied().flatten().ok_or_else(|| reading.fault("its indices are missing"))?);
            let axis = axis_of(reading, reading.integer("axis")?.unwrap_or(0), x.shape.len())?;
            let length = x.shape[axis] as i64;
            let numbers = indices.to_integers().ok_or_else(|| reading.fault("needs integers"))?;
            let places: Option<Vec<f64>> = numbers
                .iter()
                .map(|&number| {
                    let place = if number < 0 { number + length } else { number };
                    (0..length).contains(&place).then_some(place as f64)
                })
                .collect();
            let places = places
                .ok_or_else(|| reading.fault(format!("its indices must lie below {length}, found {numbers:?}")))?;
            let places = Constant { shape: indices.shape.clone(), values: places, kind: Number::Integer };
            let rank = indices.shape.len();
            let shape = [&x.shape[..axis], &indices.shape[..], &x.shape[axis + 1..]].concat();
            filled(reading, shape, x.kind, |place| {
                let chosen = at(&places, &place[axis..axis + rank]) as usize;
                at(x, &[&place[..axis], &[chosen], &place[axis + rank..]].concat())
            })?
        }
        "Unsqueeze" => {
            let x = first()?;
            let axes = list(1, "axes")?.ok_or_else(|| reading.fault("its axes are missing"))?;
            shaped(x, unsqueezed(reading, &x.shape, &axes)?)
        }
        "Squeeze" => {
            let x = first()?;
            shaped(x, squeezed(reading, &x.shape, list(1, "axes")?)?)
        }
        "Reshape" => {
            let x = first()?;
            let asked = list(1, "shape")?.ok_or_else(|| reading.fault("its shape is missing"))?;
            shaped(x, reshaped(reading, &x.shape, &asked, reading.flag("allowzero", false)?)?)
        }
        "Flatten" => {
            let x = first()?;
            let axis = reading.integer("axis")?.unwrap_or(1);
            let axis =
                if axis == x.shape.len() as i64 { x.shape.len() } else { axis_of(reading, axis, x.shape.len())? };
            shaped(x, vec![x.shape[..axis].iter().product(), x.shape[axis..].iter().product()])
        }
        "Transpose" => {
            let x = first()?;
            let order = order_of(reading, x.shape.len())?;
            let shape = order.iter().map(|&axis| x.shape[axis]).collect();
            filled(reading, shape, x.kind, |place| {
                let mut source = vec![0; place.len()];
                order.iter().zip(place).for_each(|(&axis, &place)| source[axis] = place);
                at(x, &source)
            })?
        }
        "Slice" => {
            let x = first()?;
            let chosen = slices(reading, &x.shape, &list, opset)?;
            let mut result = x.clone();
            for (axis, places) in chosen {
                let mut shape = result.shape.clone();
                shape[axis] = places.len();
                result = filled(reading, shape, x.kind, |place| {
                    let mut place = place.to_vec();
                    place[axis] = places[place[axis]];
                    at(&result, &place)
                })?;
            }
            result
        }
        "ConstantOfShape" => {
            let lengths = first()?.to_integers().ok_or_else(|| reading.fault("needs integers"))?;
            let shape: Option<Vec<usize>> = lengths.iter().map(|&length| usize::try_from(length).ok()).collect();
            let shape = shape.ok_or_else(|| reading.fault(format!("can't make the shape {lengths:?}")))?;
            let value = reading.tensor("value", std::path::Path::new(""))?;
            let (value, kind) =
                value.map_or((0.0, Number::Real), |one| (one.values.first().copied().unwrap_or(0.0), one.kind));
            filled(reading, shape, kind, |_| value)?
        }
        "Expand" => {
            let (x, asked) = (first()?, list(1, "shape")?.ok_or_else(|| reading.fault("its shape is missing"))?);
            let asked: Option<Vec<usize>> = asked.iter().map(|&length| usize::try_from(length).ok()).collect();
            let asked = asked.ok_or_else(|| reading.fault("its shape has negative lengths"))?;
            let shape = together(reading, &x.shape, &asked)?;
            filled(reading, shape, x.kind, |place| at(x, place))?
        }
        _ => return Ok(None),
    }))
}

/// The order of axes that Transpose asks for.
pub(super) fn order_of(reading: &Reading<'_>, rank: usize) -> Result<Vec<usize>, OnnxFault> {
    let Some(order) = reading.integers("perm") else { return Ok((0..rank).rev().collect()) };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted != (0..rank as i64).collect::<Vec<_>>() {
        return Err(
            reading.fault(format!("the attribute \"perm\" must have each of the {rank} axes once, found {order:?}"))
        );
    }
    Ok(order.into_iter().map(|axis| axis as usize).collect())
}

/// A shape with new axes of length 1.
pub(super) fn unsqueezed(reading: &Reading<'_>, shape: &[usize], axes: &[i64]) -> Result<Vec<usize>, OnnxFault> {
    let rank = shape.len() + axes.len();
    let mut is_new = vec![false; rank];
    for &axis in axes {
        is_new[axis_of(reading, axis, rank)?] = true;
    }
    if is_new.iter().filter(|is_new| **is_new).count() != axes.len() {
        return Err(reading.fault(format!("names an axis twice: {axes:?}")));
    }
    let mut old = shape.iter();
    Ok(is_new.into_iter().map(|is_new| if is_new { 1 } else { old.next().copied().unwrap_or(1) }).collect())
}

/// A shape without some axes of length 1, or without all of them.
pub(super) fn squeezed(
    reading: &Reading<'_>,
    shape: &[usize],
    axes: Option<Vec<i64>>,
) -> Result<Vec<usize>, OnnxFault> {
    let mut goes: Vec<bool> = shape.iter().map(|&length| axes.is_none() && length == 1).collect();
    for axis in axes.into_iter().flatten() {
        let axis = axis_of(reading, axis, shape.len())?;
        if shape[axis] != 1 {
            return Err(reading.fault(format!("can't drop axis {axis} of {shape:?}, which is longer than 1")));
        }
        goes[axis] = true;
    }
    Ok(shape.iter().zip(goes).filter(|(_, goes)| !goes).map(|(&length, _)| length).collect())
}

/// The places of every axis that Slice names.
pub(super) fn slices(
    reading: &Reading<'_>,
    shape: &[usize],
    list: &impl Fn(usize, &'static str) -> Result<Option<Vec<i64>>, OnnxFault>,
    opset: i64,
) -> Result<Vec<(usize, Vec<usize>)>, OnnxFault> {
    let needed = |found: Option<Vec<i64>>| found.ok_or_else(|| reading.fault("its starts or ends are missing"));
    let (starts, ends) = (needed(list(1, "starts")?)?, needed(list(2, "ends")?)?);
    let axes = list(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = if opset < 10 { None } else { list(4, "steps")? }.unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err(reading.fault("its starts, ends, axes and steps differ in number"));
    }
    let one = |number: usize| {
        let axis = axis_of(reading, axes[number], shape.len())?;
        let places = slice_places(starts[number], ends[number], steps[number], shape[axis]);
        let places = places.ok_or_else(|| reading.fault("its step is 0"))?;
        Ok((axis, places))
    };
    (0..starts.len()).map(one).collect()
}

// math_calls > collect
alias VedaT = f32;
struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
struct VedaParams {
    n: u32,
    base: u32,
    width: u32,
    height: u32,
}
@group(0) @binding(0) var<uniform> veda: VedaParams;
@group(0) @binding(1) var<storage, read> b0: array<f32>;
@group(0) @binding(2) var<storage, read> b1: array<f32>;
@group(0) @binding(3) var<storage, read_write> veda_out: array<VedaT>;

fn veda_is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn veda_copysign(x: f32, sign: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(sign) & 0x80000000u));
}

fn nearest_3(x_0: f32) -> i32 {
    return i32(bitcast<u32>(x_0 + 12582912.0f) - 1262485504u);
}

fn mul_high_4(m_0: u32, w_1: u32) -> u32 {
    let a_2: u32 = m_0 >> 12u;
    let b_3: u32 = m_0 & 4095u;
    let c_4: u32 = w_1 >> 16u;
    let d_5: u32 = w_1 & 65535u;
    let low_6: u32 = a_2 * d_5 + ((b_3 * d_5) >> 12u);
    let mid_7: u32 = b_3 * c_4 + (low_6 >> 4u);
    return (a_2 * c_4 + (mid_7 >> 12u)) >> 4u;
}

fn head_5(x_0: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(x_0) & 4294963200u));
}

fn flip_6(y_0: f32, sign_1: u32) -> f32 {
    return bitcast<f32>((bitcast<u32>(y_0) ^ (sign_1 & 2147483648u)));
}

fn circular_2(x_0: f32, part_1: u32) -> f32 {
    let a_2: f32 = bitcast<f32>((bitcast<u32>(x_0) & 2147483647u));
    var quadrant_3: u32;
    var r_4: f32;
    var tail_5: f32;
    if (a_2 < 6400.0f) {
        let k_6: i32 = nearest_3(a_2 * 0.63661975f);
        let n_7: f32 = f32(k_6);
        quadrant_3 = u32(k_6);
        let t_8: f32 = a_2 - n_7 * 1.5708008f;
        let near_9: f32 = t_8 - n_7 * (-4.4535846e-6f) - n_7 * (-8.706138e-10f) - n_7 * 6.223372e-14f;
        let sum_10: f32 = n_7 * (-4.4535846e-6f) + n_7 * (-8.706138e-10f);
        let far_11: f32 = t_8 - sum_10;
        let cancels_12: bool = bitcast<f32>((bitcast<u32>(near_9) & 2147483647u)) < 0.03125f;
        if (cancels_12) {
            r_4 = near_9;
        } else {
            r_4 = far_11;
        }
        if (cancels_12) {
            tail_5 = 0.0f;
        } else {
            tail_5 = t_8 - far_11 - sum_10;
        }
    } else {
        let m_13: u32 = (bitcast<u32>(a_2) & 8388607u) | 8388608u;
        let p_14: u32 = (bitcast<u32>(a_2) >> 23u) - 128u;
        let far_15: bool = (p_14 & 64u) != 0u;
        var a0_16: u32;
        if (far_15) {
            a0_16 = 1142237692u;
        } else {
            a0_16 = 162u;
        }
        var a1_17: u32;
        if (far_15) {
            a1_17 = 660066805u;
        } else {
            a1_17 = 4186140238u;
        }
        var a2_18: u32;
        if (far_15) {
            a2_18 = 886948059u;
        } else {
            a2_18 = 1142237692u;
        }
        var a3_19: u32;
        if (far_15) {
            a3_19 = 1653971260u;
        } else {
            a3_19 = 660066805u;
        }
        var a4_20: u32;
        if (far_15) {
            a4_20 = 1133527550u;
        } else {
            a4_20 = 886948059u;
        }
        let odd_21: bool = (p_14 & 32u) != 0u;
        var b0_22: u32;
        if (odd_21) {
            b0_22 = a1_17;
        } else {
            b0_22 = a0_16;
        }
        var b1_23: u32;
        if (odd_21) {
            b1_23 = a2_18;
        } else {
            b1_23 = a1_17;
        }
        var b2_24: u32;
        if (odd_21) {
            b2_24 = a3_19;
        } else {
            b2_24 = a2_18;
        }
        var b3_25: u32;
        if (odd_21) {
            b3_25 = a4_20;
        } else {
            b3_25 = a3_19;
        }
        let s_26: u32 = p_14 & 31u;
        let t_27: u32 = 31u - s_26;
        let w0_28: u32 = (b0_22 << (s_26 & 31u)) | ((b1_23 >> 1u) >> (t_27 & 31u));
        let w1_29: u32 = (b1_23 << (s_26 & 31u)) | ((b2_24 >> 1u) >> (t_27 & 31u));
        let w2_30: u32 = (b2_24 << (s_26 & 31u)) | ((b3_25 >> 1u) >> (t_27 & 31u));
        let product_31: u32 = m_13 * w1_29;
        let lo_32: u32 = product_31 + mul_high_4(m_13, w2_30);
        var carry_33: u32;
        if (lo_32 < product_31) {
            carry_33 = 1u;
        } else {
            carry_33 = 0u;
        }
        let hi_34: u32 = m_13 * w0_28 + mul_high_4(m_13, w1_29) + carry_33;
        quadrant_3 = (hi_34 + 536870912u) >> 30u;
        let rest_35: i32 = i32(hi_34 - (quadrant_3 << 30u));
        let top_36: i32 = (rest_35 + 128i) >> 8u;
        let mid_37: i32 = ((rest_35 - (top_36 << 8u)) << 16u) + i32((lo_32 >> 16u));
        let f0_38: f32 = f32(top_36) * 2.3841858e-7f;
        let f1_39: f32 = f32(mid_37) * 1.4210855e-14f + f32(i32((lo_32 & 65535u))) * 2.1684043e-19f;
        let f_40: f32 = head_5(f0_38 + f1_39);
        let g_41: f32 = f0_38 - f_40 + f1_39;
        let product_42: f32 = f_40 * 1.5708008f;
        let rest_43: f32 = f_40 * (-4.454455e-6f) + g_41 * 1.5707964f;
        r_4 = product_42 + rest_43;
        tail_5 = product_42 - r_4 + rest_43;
    }
    let z_44: f32 = r_4 * r_4;
    var y_59: f32;
    if (part_1 == 2u) {
        let t_45: f32 = 0.3333335f + z_44 * (0.1333267f + z_44 * (0.054059967f + z_44 * (0.021279462f + z_44 * (0.010847437f + z_44 * (7.0367125e-5f + z_44 * 0.0043874956f)))));
        let rough_46: f32 = r_4 + r_4 * (z_44 * t_45);
        let excess_47: f32 = r_4 * (z_44 * t_45) + tail_5 * (1.0f + rough_46 * rough_46);
        let tan_48: f32 = r_4 + excess_47;
        let lost_49: f32 = r_4 - tan_48 + excess_47;
        let reciprocal_50: f32 = (-1.0f) / tan_48;
        let cot_51: f32 = reciprocal_50 + reciprocal_50 * (reciprocal_50 * lost_49);
        var y_52: f32;
        if ((quadrant_3 & 1u) == 0u) {
            y_52 = tan_48;
        } else {
            y_52 = cot_51;
        }
        y_59 = flip_6(y_52, bitcast<u32>(x_0));
    } else {
        let turned_53: u32 = quadrant_3 + part_1;
        let excess_54: f32 = r_4 * (z_44 * ((-0.16666654f) + z_44 * (0.008332106f + z_44 * (-0.00019507874f))));
        let sin_55: f32 = r_4 + (excess_54 + tail_5 * (1.0f - 0.5f * z_44));
        let cos_56: f32 = 1.0f + (z_44 * ((-0.5f) + z_44 * (0.041666646f + z_44 * ((-0.0013887308f) + z_44 * 2.4432109e-5f))) - r_4 * tail_5);
        var y_57: f32;
        if ((turned_53 & 1u) == 0u) {
            y_57 = sin_55;
        } else {
            y_57 = cos_56;
        }
        var sign_58: u32;
        if (part_1 == 0u) {
            sign_58 = bitcast<u32>(x_0) & 2147483648u;
        } else {
            sign_58 = 0u;
        }
        y_59 = flip_6(y_57, ((turned_53 << 30u) ^ sign_58));
    }
    if ((bitcast<u32>(x_0) & 2147483647u) >= 2139095040u) {
        let tmp1 = 2143289344u;
        return bitcast<f32>(tmp1);
    } else {
        return y_59;
    }
}

fn sin_1(x_0: f32) -> f32 {
    return circular_2(x_0, 0u);
}

fn power_of_two_10(k_0: i32) -> f32 {
    return bitcast<f32>((u32(k_0 + 127i) << 23u));
}

fn scale_9(p_0: f32, k_1: i32) -> f32 {
    let half_2: i32 = k_1 >> 1u;
    return p_0 * power_of_two_10(half_2) * power_of_two_10(k_1 - half_2);
}

fn exp_scaled_8(x_0: f32, shift_1: i32) -> f32 {
    let k_2: i32 = nearest_3(x_0 * 1.442695f);
    let n_3: f32 = f32(k_2);
    let r_4: f32 = x_0 - n_3 * 0.69314575f - n_3 * 1.4286068e-6f;
    let q_5: f32 = 0.49999994f + r_4 * (0.1666652f + r_4 * (0.04166826f + r_4 * (0.008368857f + r_4 * 0.0013821768f)));
    return scale_9(1.0f + (r_4 + r_4 * r_4 * q_5), k_2 + shift_1);
}

fn exp_7(x_0: f32) -> f32 {
    var low_1: f32;
    if (x_0 < (-110.0f)) {
        low_1 = (-110.0f);
    } else {
        low_1 = x_0;
    }
    var tmp1: f32;
    if (low_1 > 95.0f) {
        tmp1 = 95.0f;
    } else {
        tmp1 = low_1;
    }
    let y_2: f32 = exp_scaled_8(tmp1, 0i);
    var y_3: f32;
    if (x_0 > 88.72283f) {
        let tmp2 = 2139095040u;
        y_3 = bitcast<f32>(tmp2);
    } else {
        y_3 = y_2;
    }
    if (veda_is_nan(x_0)) {
        return x_0;
    } else {
        return y_3;
    }
}

fn normal_bits_13(x_0: f32) -> u32 {
    let bits_1: u32 = bitcast<u32>(x_0);
    if (bits_1 < 8388608u) {
        return bitcast<u32>(f32(i32(bits_1)));
    } else {
        return bits_1;
    }
}

fn exponent_12(x_0: f32) -> i32 {
    let k_1: i32 = i32(normal_bits_13(x_0) - 1060439283u) >> 23u;
    if (bitcast<u32>(x_0) < 8388608u) {
        return k_1 - 149i;
    } else {
        return k_1;
    }
}

fn mantissa_14(x_0: f32) -> f32 {
    return bitcast<f32>(((normal_bits_13(x_0) - 1060439283u) & 8388607u) + 1060439283u);
}

fn exp2_parts_15(k_0: i32, r_1: f32) -> f32 {
    let q_2: f32 = 0.6931472f + r_1 * (0.24022648f + r_1 * (0.05550359f + r_1 * (0.009618505f + r_1 * (0.0013391459f + r_1 * 0.00015327834f))));
    return scale_9(1.0f + r_1 * q_2, k_0);
}

fn powf_11(x_0: f32, y_1: f32) -> f32 {
    let a_2: f32 = bitcast<f32>((bitcast<u32>(x_0) & 2147483647u));
    let k_3: f32 = f32(exponent_12(a_2));
    let f_4: f32 = mantissa_14(a_2) - 1.0f;
    let d_5: f32 = 2.0f + f_4;
    let s_6: f32 = f_4 / d_5;
    let sh_7: f32 = head_5(s_6);
    let fh_8: f32 = head_5(f_4);
    let sl_9: f32 = (f_4 - 2.0f * sh_7 - sh_7 * fh_8 - sh_7 * (f_4 - fh_8)) / d_5;
    let zh_10: f32 = sh_7 * sh_7;
    let zl_11: f32 = sl_9 * (sh_7 + s_6);
    let z_12: f32 = s_6 * s_6;
    let r_13: f32 = zl_11 + z_12 * z_12 * (0.59999996f + z_12 * (0.4285796f + z_12 * (0.33269423f + z_12 * 0.29339194f)));
    let th_14: f32 = head_5(3.0f + (zh_10 + r_13));
    let tl_15: f32 = r_13 - (th_14 - 3.0f - zh_10);
    let ph_16: f32 = sh_7 * th_14;
    let pl_17: f32 = sl_9 * th_14 + s_6 * tl_15;
    let qh_18: f32 = head_5(ph_16 + pl_17);
    let ql_19: f32 = pl_17 - (qh_18 - ph_16);
    let gh_20: f32 = 0.96191406f * qh_18;
    let gl_21: f32 = (-0.000117368574f) * qh_18 + 0.9617967f * ql_19;
    let lh_22: f32 = head_5(k_3 + (gh_20 + gl_21));
    let ll_23: f32 = gl_21 - (lh_22 - k_3 - gh_20);
    var yc_24: f32;
    if (abs(y_1) > 100000000000.0f) {
        yc_24 = veda_copysign(100000000000.0f, y_1);
    } else {
        yc_24 = y_1;
    }
    let yh_25: f32 = head_5(yc_24);
    let eh_26: f32 = yh_25 * lh_22;
    let el_27: f32 = (yc_24 - yh_25) * lh_22 + yc_24 * ll_23;
    let e_28: f32 = eh_26 + el_27;
    let huge_29: bool = e_28 >= 128.0f;
    let zero_30: bool = e_28 < (-151.0f);
    let inside_31: bool = !huge_29 && !zero_30;
    var eh_32: f32;
    if (inside_31) {
        eh_32 = eh_26;
    } else {
        eh_32 = 0.0f;
    }
    var el_33: f32;
    if (inside_31) {
        el_33 = el_27;
    } else {
        el_33 = 0.0f;
    }
    let n_34: i32 = nearest_3(eh_32 + el_33);
    let power_35: f32 = exp2_parts_15(n_34, eh_32 - f32(n_34) + el_33);
    var power_36: f32;
    if (huge_29) {
        let tmp1 = 2139095040u;
        power_36 = bitcast<f32>(tmp1);
    } else {
        power_36 = power_35;
    }
    var power_37: f32;
    if (zero_30) {
        power_37 = 0.0f;
    } else {
        power_37 = power_36;
    }
    let ay_38: u32 = bitcast<u32>(y_1) & 2147483647u;
    let place_39: i32 = i32((ay_38 >> 23u)) - 127i;
    let within_40: bool = (place_39 >= 0i) && (place_39 < 24i);
    var point_41: u32;
    if (within_40) {
        point_41 = u32(23i - place_39);
    } else {
        point_41 = 0u;
    }
    let digits_42: u32 = (ay_38 & 8388607u) | 8388608u;
    let whole_43: bool = (place_39 >= 24i) || (within_40 && ((digits_42 & ((1u << (point_41 & 31u)) - 1u)) == 0u));
    let odd_44: bool = (within_40 && whole_43) && (((digits_42 >> (point_41 & 31u)) & 1u) == 1u);
    var sign_45: u32;
    if (odd_44) {
        sign_45 = bitcast<u32>(x_0) & 2147483648u;
    } else {
        sign_45 = 0u;
    }
    let up_46: bool = bitcast<u32>(y_1) < 2147483648u;
    let grows_47: bool = (bitcast<u32>(a_2) == 2139095040u) == up_46;
    var extreme_48: u32;
    if (grows_47) {
        extreme_48 = 2139095040u;
    } else {
        extreme_48 = 0u;
    }
    var power_49: f32;
    if ((bitcast<u32>(a_2) == 0u) || (bitcast<u32>(a_2) == 2139095040u)) {
        power_49 = bitcast<f32>(extreme_48);
    } else {
        power_49 = power_37;
    }
    let grows_50: bool = (a_2 > 1.0f) == up_46;
    var power_51: f32;
    if (ay_38 == 2139095040u) {
        var tmp2: u32;
        if (grows_50) {
            tmp2 = 2139095040u;
        } else {
            tmp2 = 0u;
        }
        power_51 = bitcast<f32>(tmp2);
    } else {
        power_51 = power_49;
    }
    var power_52: f32;
    if ((ay_38 == 2139095040u) && (a_2 == 1.0f)) {
        power_52 = 1.0f;
    } else {
        power_52 = power_51;
    }
    var tmp4: bool = bitcast<u32>(x_0) > 2147483648u;
    if (tmp4) {
        let tmp3 = 2147483648u;
        tmp4 = bitcast<u32>(x_0) < (tmp3 | 2139095040u);
    }
    let bad_53: bool = tmp4 && !whole_43;
    let power_54: f32 = bitcast<f32>((bitcast<u32>(power_52) | sign_45));
    var power_55: f32;
    if ((bad_53 || veda_is_nan(x_0)) || (ay_38 > 2139095040u)) {
        let tmp5 = 2143289344u;
        power_55 = bitcast<f32>(tmp5);
    } else {
        power_55 = power_54;
    }
    if ((ay_38 == 0u) || (bitcast<u32>(x_0) == 1065353216u)) {
        return 1.0f;
    } else {
        return power_55;
    }
}

fn math_calls_0(x_0: f32, y_1: f32) -> f32 {
    return sin_1(x_0) + exp_7(y_1) + powf_11(x_0, 2.0f);
}

fn veda_element(i: u32, keep: ptr<function, bool>) -> VedaT {
    let s0 = math_calls_0(b0[i], b1[i]);
    return s0;
}

// One element per invocation.
@compute @workgroup_size(256)
fn veda_map(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 256u + lane;
    if (i < veda.n) {
        var keep = true;
        veda_out[i] = veda_element(i, &keep);
    }
}

"""Colours: red, green and blue as hue, saturation and value, and what is done to pictures with them."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, evaluates


@evaluates("tf.RGBToHSV")
def rgb_to_hsv(call: Call, x: Array) -> Array:
    """Hue as a part of the circle that begins at red."""
    red, green, blue = np.moveaxis(x, -1, 0)
    value, spread = x.max(-1), x.max(-1) - x.min(-1)
    sixth = 1 / (6 * np.where(spread > 0, spread, 1))
    by_green = np.where(green == value, sixth * (blue - red) + 2 / 6, sixth * (red - green) + 4 / 6)
    hue = np.where(red == value, sixth * (green - blue), by_green)
    hue = np.where(spread > 0, np.where(hue < 0, hue + 1, hue), 0)
    saturation = np.where(value > 0, spread / np.where(value > 0, value, 1), 0)
    return np.stack([hue, saturation, value], axis=-1).astype(x.dtype)


@evaluates("tf.HSVToRGB")
def hsv_to_rgb(call: Call, x: Array) -> Array:
    """Its inverse."""
    hue, saturation, value = np.moveaxis(x, -1, 0)
    sixths = hue * 6
    parts = (np.abs(sixths - 3) - 1, 2 - np.abs(sixths - 2), 2 - np.abs(sixths - 4))
    found = [(1 - saturation + saturation * np.clip(part, 0, 1)) * value for part in parts]
    return np.stack(found, axis=-1).astype(x.dtype)


@evaluates("tf.AdjustContrastv2")
def adjust_contrast(call: Call, x: Array, factor: Array) -> Array:
    """Away from the mean of each channel of each picture."""
    wide = x.astype(np.float32)
    mean = wide.mean((-3, -2), keepdims=True)
    return np.asarray((wide - mean) * factor + mean, x.dtype)


@evaluates("tf.AdjustSaturation", "tf.AdjustHue")
def adjust(call: Call, x: Array, amount: Array) -> Array:
    """The saturation times the amount, within 0 and 1; or the hue turned by it."""
    found: Array = rgb_to_hsv(call, x.astype(np.float32))
    if call.op.type_name == "AdjustHue":
        found[..., 0] = (found[..., 0] + amount) % 1
    else:
        found[..., 1] = np.clip(found[..., 1] * amount, 0, 1)
    return np.asarray(hsv_to_rgb(call, found), x.dtype)

"""VLFeat's dense SIFT by its C interface, called the way its PHOW recipe calls it: smoothing by s/6, window size 1.5, one filter a bin size."""

import ctypes
import math

import numpy as np

SIZES = (4, 6, 8, 10)
STEP = 4
PAD_BY_CONTINUITY, TRANSPOSE = 1, 4


def _structure(name, *fields):
    return type(name, (ctypes.Structure,), {"_fields_": list(fields)})


def _integers(names):
    return [(name, ctypes.c_int) for name in names.split()]


_Frame = _structure("Frame", *((name, ctypes.c_double) for name in "x y scale mass".split()))
_Filter = _structure(
    "Filter",
    *_integers("width height step_x step_y left top right bottom"),
    *_integers("orientations columns rows bin_width bin_height"),
    ("flat", ctypes.c_int),
    ("window_size", ctypes.c_double),
    *_integers("frame_count values"),
    ("frames", ctypes.POINTER(_Frame)),
    ("descriptors", ctypes.POINTER(ctypes.c_float)),
)


class DenseSift:
    """Filters for pictures of one size; not to be shared by threads."""

    def __init__(self, library, width, height, flat=True):
        self.vl = ctypes.CDLL(str(library))
        pointer = ctypes.POINTER(_Filter)
        self.vl.vl_dsift_new_basic.restype = pointer
        self.vl.vl_dsift_process.argtypes = [pointer, ctypes.c_void_p]
        size = ctypes.c_size_t
        self.vl.vl_imconvcol_vf.argtypes = [
            *(ctypes.c_void_p, size, ctypes.c_void_p, size, size, size),
            *(ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_ssize_t, ctypes.c_int, ctypes.c_uint),
        ]
        self.shape = (height, width)
        self.turned = np.empty((width, height), np.float32)
        self.smooth = np.empty((height, width), np.float32)
        self.levels = []
        for bin_size in SIZES:
            level = self.vl.vl_dsift_new_basic(width, height, STEP, bin_size)
            # Descriptors of all sizes share their centres.
            level.contents.left = level.contents.top = 3 * (max(SIZES) - bin_size) // 2
            level.contents.right, level.contents.bottom = width - 1, height - 1
            level.contents.flat, level.contents.window_size = int(flat), 1.5
            self.vl._vl_dsift_update_buffers(level)
            reach = math.ceil(4 * bin_size / 6)
            taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) * 6 / bin_size) ** 2)
            self.levels.append((level, reach, np.ascontiguousarray(taps / taps.sum(), np.float32)))

    def process(self, grey):
        """Fills the filters' own buffers from a grey picture (float32, 0 to 1)."""
        height, width = self.shape
        for level, reach, taps in self.levels:
            for target, source, (w, h) in ((self.turned, grey, (width, height)), (self.smooth, self.turned, (height, width))):
                self.vl.vl_imconvcol_vf(
                    target.ctypes.data, h, source.ctypes.data, w, h, w, taps.ctypes.data, -reach, reach, 1, PAD_BY_CONTINUITY | TRANSPOSE
                )
            self.vl.vl_dsift_process(level, self.smooth.ctypes.data)

    def read(self):
        """What the last picture gave: centres, descriptors, and the mass that says whether there is contrast. Views into the filters' buffers."""
        centres, descriptors, masses = [], [], []
        for level, _, _ in self.levels:
            count = level.contents.frame_count
            frames = np.ctypeslib.as_array(ctypes.cast(level.contents.frames, ctypes.POINTER(ctypes.c_double)), (count, 4))
            centres.append(frames[:, :2])
            masses.append(frames[:, 3])
            descriptors.append(np.ctypeslib.as_array(level.contents.descriptors, (count, 128)))
        return centres, descriptors, masses

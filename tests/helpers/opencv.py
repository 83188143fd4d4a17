"""Cameras and videos that replace OpenCV's."""


class Camera:
    """A ``cv2.VideoCapture`` that returns the given RGB frames and then fails, as an unplugged camera does.

    ``interrupt`` is the number of the read during which Ctrl+C is pressed.
    """

    def __init__(self, frames, there=True, interrupt=None):
        self._frames, self._there, self._interrupt, self._reads = iter(frames), there, interrupt, 0

    def isOpened(self):
        return self._there

    def read(self):
        self._reads += 1
        if self._reads == self._interrupt:
            raise KeyboardInterrupt
        frame = next(self._frames, None)
        return frame is not None, None if frame is None else frame[..., ::-1]

    def get(self, _):
        return 0.0

    def release(self):
        self._frames = iter(())

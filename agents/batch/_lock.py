"""A lock on a file that is open, which nobody else can have as long as it is. It ends with the process, however.

It is of this opening of the file, so a second one in the same process cannot have it either. Where a file system has no
locks, as some over a network, there is none: nobody is kept out.
"""

import errno
import os
import sys

if sys.platform == "win32":
    import msvcrt

    # A byte that no file has: others may then read all there is, which Windows would refuse.
    _BEYOND = 2**62

    def lock(file: int) -> bool:
        """Lock it, and tell whether that could be done. Closing the file unlocks it."""
        place = os.lseek(file, 0, os.SEEK_CUR)
        os.lseek(file, _BEYOND, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLOCK):
                return False
            raise
        finally:
            os.lseek(file, place, os.SEEK_SET)
        return True

else:
    import fcntl

    def lock(file: int) -> bool:
        """Lock it, and tell whether that could be done. Closing the file unlocks it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
                raise
        return True

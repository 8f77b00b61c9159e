using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>Finds out which part of a request it was that could not be read: a request is 1 MiB or more, what a disk can't read is mostly 4 KiB.</summary>
internal static class FailingRange
{
    // First the blocks of the request, then the pages of the first bad block: at most 32 reads for 1 MiB, of which one in each round fails.
    private static readonly int[] PieceBytes = [65536, 4096];

    /// <summary>Reads a request that failed once more, in pieces, up to the first that fails.</summary>
    /// <returns>The smallest range that fails, and its error; the whole request and its error where the failure did not show again, or says nothing about a place.</returns>
    public static async ValueTask<(DiskRange Range, SealiftException Error)> NarrowAsync(IDiskReader disk, DiskRange request, SealiftException error, CancellationToken cancel)
    {
        var found = (Range: request, Error: error);
        foreach (var pieceBytes in PieceBytes)
        {
            if (!IsAboutAPlace(found.Error)) break;
            var failing = await FirstFailingAsync(disk, found.Range, pieceBytes, cancel);
            if (failing is null) break;
            found = failing.Value;
        }

        return found;
    }

    private static async ValueTask<(DiskRange Range, SealiftException Error)?> FirstFailingAsync(IDiskReader disk, DiskRange request, int pieceBytes, CancellationToken cancel)
    {
        using var buffer = new AlignedBuffer(pieceBytes);
        foreach (var piece in BlockRuns.Cut(request.Offset, request.End, pieceBytes))
        {
            try
            {
                await disk.ReadAsync(piece.Offset, buffer.Memory[..(int)piece.LengthBytes], cancel);
            }
            catch (SealiftException e)
            {
                return (piece, e);
            }
        }

        return null;
    }

    // A lost connection or a file that became shorter fails everywhere, or nowhere in particular.
    private static bool IsAboutAPlace(SealiftException error) => error is PosixException { Errno: Errno.EIO } or NbdServerException;
}

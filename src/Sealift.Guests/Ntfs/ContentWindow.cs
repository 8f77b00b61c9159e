namespace Sealift.Guests.Ntfs;

/// <summary>
/// Reads small pieces of a content. Where they follow each other it reads ahead, so that neighbours cost one read; where they do not,
/// no more is read than was asked for.
/// </summary>
internal sealed class ContentWindow(AttributeContent content, int windowBytes)
{
    private readonly byte[] window = new byte[windowBytes];
    private long start;
    private int filled;

    /// <summary>Copies a piece; false where it cannot be read. A piece is no longer than the window.</summary>
    public async ValueTask<bool> TryReadAsync(long offset, Memory<byte> piece)
    {
        if (offset < 0 || piece.Length > content.LengthBytes || offset > content.LengthBytes - piece.Length) return false;
        if (offset < start || offset + piece.Length > start + filled)
        {
            // What follows within a window's length of the last piece is on the way forward: $MFT has free records in between.
            var ahead = offset >= start && offset - (start + filled) < window.Length / 2 ? window.Length : piece.Length;
            start = offset;
            filled = 0;
            var length = (int)Math.Min(ahead, content.LengthBytes - start);
            // The window may reach into what cannot be read; the piece itself may not.
            if (!await content.TryReadAsync(start, window.AsMemory(0, length))) return await content.TryReadAsync(offset, piece);
            filled = length;
        }

        window.AsMemory((int)(offset - start), piece.Length).CopyTo(piece);
        return true;
    }
}

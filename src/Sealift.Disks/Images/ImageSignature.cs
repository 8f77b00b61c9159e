using System.Buffers.Binary;

namespace Sealift.Disks;

/// <summary>Which format an image's first (and, for VHD, last) bytes announce.</summary>
internal static class ImageSignature
{
    /// <summary>The format, or null where the bytes announce none of them: then it is raw or no image at all.</summary>
    public static ImageFormat? Detect(ImageBytes bytes)
    {
        Span<byte> head = stackalloc byte[512];
        var n = bytes.Read(head, 0);
        head = head[..n];
        // QFI\xfb also starts the older qcow format; its version tells them apart, and RawImage names it.
        if (head.StartsWith("QFI"u8) && n > 8 && head[3] == 0xfb && BinaryPrimitives.ReadUInt32BigEndian(head[4..]) != 1) return ImageFormat.Qcow2;
        if (head.StartsWith("KDMV"u8) || head.StartsWith("COWD"u8) || VmdkDescriptor.IsDescriptor(head)) return ImageFormat.Vmdk;
        if (head.StartsWith("vhdxfile"u8)) return ImageFormat.Vhdx;
        if (n >= 0x44 && BinaryPrimitives.ReadUInt32LittleEndian(head[0x40..]) == VdiImage.Signature) return ImageFormat.Vdi;
        if (head.StartsWith("conectix"u8)) return ImageFormat.Vhd;
        Span<byte> tail = stackalloc byte[8];
        if (bytes.LengthBytes >= 512 && bytes.Read(tail, bytes.LengthBytes - 512) == 8 && tail.SequenceEqual("conectix"u8)) return ImageFormat.Vhd;
        return null;
    }
}

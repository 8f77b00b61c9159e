using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>Every error about images, SL4001 to SL4099, in one place.</summary>
internal static class ImageErrors
{
    private const string CopyAgain = "Compare its size and checksum with the original and copy it again";

    /// <summary>SL4001: the content is something else, or nothing that could be recognised.</summary>
    public static SealiftException NotADiskImage(string file, string looksLike) =>
        new("SL4001", "read a disk image", file, looksLike, "Give a disk image; where these bytes really are a raw disk, declare so (migrate: --source-format raw; hash: --format raw)");

    /// <summary>SL4002: a table or a block lies, wholly or in part, behind the end of the file.</summary>
    public static SealiftException Truncated(string file, string field, long end, long lengthBytes) =>
        new("SL4002", "read a whole disk image", $"{file}, {field}", $"it reaches to offset {end}, but the file ends at {lengthBytes}: the image is truncated, or its header claims more than the file holds", CopyAgain);

    /// <summary>SL4002 for a raw disk: its own partition table or file system reaches behind its end.</summary>
    public static SealiftException RawTruncated(string file, string field, long end, long lengthBytes) =>
        new("SL4002", "read a whole disk image", $"{file}, {field}", $"it reaches to offset {end}, but the file ends at {lengthBytes}: the image is truncated", $"{CopyAgain}. If the disk really ends there, declare so (migrate: --source-format raw; hash: --format raw)");

    /// <summary>SL4003: a field has a value that the format does not allow.</summary>
    public static SealiftException Invalid(string file, string field, long offset, string said) =>
        new("SL4003", "understand a disk image", $"{file}, {field} at offset {offset}", said, $"The image is damaged or was made to mislead. {CopyAgain}");

    /// <summary>SL4004: larger than what is read at all.</summary>
    public static SealiftException TooLarge(string file, string field, long offset, string said) =>
        new("SL4004", "read a disk image", $"{file}, {field} at offset {offset}", said, "Disks up to 64 TiB are read; if this one is not larger, the header is damaged");

    /// <summary>SL4005: a length that is no whole number of sectors.</summary>
    public static SealiftException NotWholeSectors(string file, string field, long lengthBytes) =>
        new("SL4005", "read a disk image", $"{file}, {field}", $"{lengthBytes} bytes is not a positive multiple of 512", $"The image is probably cut short. {CopyAgain}");

    /// <summary>SL4006: a sound image that uses something that is not read here.</summary>
    public static SealiftException Unsupported(string file, string field, string said, string nextStep) =>
        new("SL4006", "read a disk image", $"{file}, {field}", said, nextStep);

    /// <summary>SL4007: encrypted.</summary>
    public static SealiftException Encrypted(string file, string said) =>
        new("SL4007", "read a disk image", file, said, "Decrypt it first, for example with qemu-img convert and the key, and give the result");

    /// <summary>SL4008: it was not closed cleanly, or says itself that it is corrupt.</summary>
    public static SealiftException Unclean(string file, string field, string said, string nextStep) =>
        new("SL4008", "trust a disk image", $"{file}, {field}", said, nextStep);

    /// <summary>SL4009: it names another file and nothing is allowed.</summary>
    public static SealiftException NamesAnotherFile(string file, string field, string name) =>
        new("SL4009", "read a disk image that is not complete by itself", $"{file}, {field}", $"it names the file '{Printable(name)}', which could be any file of this host", "If you trust the image, allow the directory that holds the named file (--allow-backing DIR)");

    /// <summary>SL4010: it names a file that is not below the allowed directory.</summary>
    public static SealiftException OutsideAllowed(string file, string field, string name, string said) =>
        new("SL4010", "follow the name of another file", $"{file}, {field} '{Printable(name)}'", said, "Put the file below the allowed directory, or allow the directory that holds it (--allow-backing DIR)");

    /// <summary>SL4011: the chain of backing files never ends.</summary>
    public static SealiftException BackingChain(string file, string said) =>
        new("SL4011", "follow the chain of backing files", file, said, "Rebase the image onto the right backing file, or flatten it with qemu-img convert");

    /// <summary>SL4012: content and declaration differ.</summary>
    public static SealiftException OtherFormat(string file, string declared, string found) =>
        new("SL4012", $"read a disk image as {declared}", file, $"its content is {found}", "Declare the format that it has, or none");

    /// <summary>SL4013: qemu-img check found damage.</summary>
    public static SealiftException CheckFailed(string file, string said) =>
        new("SL4013", "trust a disk image", file, said, "Repair a copy of it with qemu-img check -r all and look at the result, or take another copy from the source");

    /// <summary>SL4014: qemu does not see what we see.</summary>
    public static SealiftException QemuDisagrees(string file, string said, Exception? inner = null) =>
        new("SL4014", "open a disk image with qemu-img", file, said, "Make sure that no virtual machine uses the image; if none does, convert it with the product that made it", inner);

    /// <summary>SL4015: not a file that holds an image.</summary>
    public static SealiftException NotAFile(string file, string said, string nextStep) =>
        new("SL4015", "read a disk image", file, said, nextStep);

    /// <summary>SL4016: a file that belongs to the image is not there.</summary>
    public static SealiftException Missing(string file, string field, string path) =>
        new("SL4016", "read a disk image", $"{file}, {field}", $"the file '{Printable(path)}' that belongs to it is not there or is no regular file", "Copy all files of the image into one directory");

    /// <summary>A name from an image, fit for a terminal: no control characters, no endless length.</summary>
    public static string Printable(string name)
    {
        var text = string.Concat(name.Select(c => char.IsControl(c) ? '?' : c));
        return text.Length <= 200 ? text : text[..200] + "…";
    }
}

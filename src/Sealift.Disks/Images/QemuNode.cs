using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Sealift.Nbd;

namespace Sealift.Disks;

/// <summary>
/// The complete description of an image for qemu-img, qemu-nbd and QEMU as a <c>json:</c> filename: every driver, file and backing
/// layer is named, so that nothing is probed and no name is read from a header that may have changed since we looked at it.
/// </summary>
/// <remarks>The members are those of BlockdevOptions in qemu's <c>qapi/block-core.json</c>.</remarks>
public static class QemuNode
{
    private const int SectorBytes = 512;

    /// <summary>The description as a filename, <c>json:{…}</c>. The caller opens it read-only where it is a source.</summary>
    /// <param name="image">An image that <see cref="ImageProbe"/> found sound.</param>
    public static string Json(ImageReference image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer)) WriteImage(json, image);
        return "json:" + Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>The same for an export, without TLS.</summary>
    internal static string Json(NbdUri export)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer)) WriteExport(json, export);
        return "json:" + Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void WriteExport(Utf8JsonWriter json, NbdUri export)
    {
        json.WriteStartObject();
        json.WriteString("driver", "raw");
        json.WriteStartObject("file");
        json.WriteString("driver", "nbd");
        json.WriteStartObject("server");
        json.WriteString("type", export.SocketPath is null ? "inet" : "unix");
        if (export.SocketPath is { } socket)
        {
            json.WriteString("path", socket);
        }
        else
        {
            json.WriteString("host", export.Host);
            json.WriteString("port", export.Port.ToString(CultureInfo.InvariantCulture)); // a string: InetSocketAddressBase of qapi/sockets.json
        }

        json.WriteEndObject();
        json.WriteString("export", export.ExportName);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteImage(Utf8JsonWriter json, ImageReference image)
    {
        if (image.Export is { } export)
        {
            WriteExport(json, export);
            return;
        }

        json.WriteStartObject();
        json.WriteString("driver", Driver(image.Format));
        // Without it qemu's vpc driver computes the size of some creators' images from the CHS geometry, which is rounded down.
        if (image.Format == ImageFormat.Vhd) json.WriteString("force_size_calc", "current_size");
        if (image.Format == ImageFormat.Raw)
        {
            WriteRange(json, image.Location, image.VirtualLengthBytes);
            json.WritePropertyName("file");
            WriteFile(json, image.Location.Path, image.IsBlockDevice);
        }
        else
        {
            json.WritePropertyName("file");
            WriteProtocol(json, image);
            if (image.DataFile is { } dataFile)
            {
                json.WritePropertyName("data-file");
                WriteFile(json, dataFile, isBlockDevice: false);
            }
        }

        if (image.Backing is { Export: not null })
        {
            // A node of another protocol is refused where the header names a file, whatever that is: then the header is what counts, and
            // whoever opens the image has looked at it.
        }
        else if (image.Backing is { } backing)
        {
            json.WritePropertyName("backing");
            WriteImage(json, backing);
        }
        else
        {
            json.WriteNull("backing");
        }

        json.WriteEndObject();
    }

    private static void WriteProtocol(Utf8JsonWriter json, ImageReference image)
    {
        if (image.Location.LengthBytes is not { } lengthBytes)
        {
            WriteFile(json, image.Location.Path, image.IsBlockDevice);
            return;
        }

        // qemu takes whole sectors only; a member of a tar archive is followed by zeros up to the next one.
        var sizeBytes = (lengthBytes + SectorBytes - 1) / SectorBytes * SectorBytes;
        json.WriteStartObject();
        json.WriteString("driver", "raw");
        WriteRange(json, image.Location, sizeBytes);
        json.WritePropertyName("file");
        WriteFile(json, image.Location.Path, image.IsBlockDevice);
        json.WriteEndObject();
    }

    private static void WriteRange(Utf8JsonWriter json, ImageLocation location, long sizeBytes)
    {
        if (location.LengthBytes is null && location.Offset == 0) return;
        json.WriteNumber("offset", location.Offset);
        json.WriteNumber("size", sizeBytes);
    }

    private static void WriteFile(Utf8JsonWriter json, string path, bool isBlockDevice)
    {
        json.WriteStartObject();
        json.WriteString("driver", isBlockDevice ? "host_device" : "file");
        json.WriteString("filename", Path.GetFullPath(path));
        // Locks where the file system has them: an image that a running QEMU writes to is then refused rather than read torn.
        json.WriteString("locking", "auto");
        json.WriteEndObject();
    }

    /// <summary>What qemu calls a format.</summary>
    internal static string Driver(ImageFormat format) => format switch
    {
        ImageFormat.Raw => "raw",
        ImageFormat.Qcow2 => "qcow2",
        ImageFormat.Vmdk => "vmdk",
        ImageFormat.Vhd => "vpc",
        ImageFormat.Vhdx => "vhdx",
        ImageFormat.Vdi => "vdi",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };
}

using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Sealift.Disks;

namespace Sealift.Guests.Direct;

/// <summary>The header of a swap area, all that is kept of it: mkswap(8), the kernel's include/linux/swap.h.</summary>
internal static class SwapHeader
{
    /// <summary>What is wrong with it; empty where nothing is.</summary>
    public static async Task<IReadOnlyList<string>> ProblemsAsync(IDiskReader volume, CancellationToken cancel)
    {
        foreach (var page in new[] { 4096, 8192, 16384, 65536 })
        {
            if (await volume.TryReadAsync(0, page, cancel) is not { } header) break;
            var mark = Encoding.ASCII.GetString(header, page - 10, 10);
            if (mark == "SWAP-SPACE") return []; // version 0 has nothing but this
            if (mark != "SWAPSPACE2") continue;
            var info = header.AsSpan(1024);
            var (version, swapped) = (BinaryPrimitives.ReadUInt32LittleEndian(info), BinaryPrimitives.ReadUInt32BigEndian(info) == 1);
            if (swapped) return []; // of a machine of the other byte order: nothing here reads it
            var (lastPage, badPages) = (BinaryPrimitives.ReadUInt32LittleEndian(info[4..]), BinaryPrimitives.ReadUInt32LittleEndian(info[8..]));
            var wrong = new List<string>();
            if (version != 1) wrong.Add($"Version {version} is not known");
            if (lastPage == 0) wrong.Add("The header says that there are no pages behind it");
            if ((lastPage + 1L) * page > volume.LengthBytes) wrong.Add(string.Create(CultureInfo.InvariantCulture, $"The header claims {(lastPage + 1L) * page} bytes; the device has {volume.LengthBytes}"));
            if (badPages > (page - 1024 - 512 - 10) / 4) wrong.Add($"The header lists {badPages} bad pages, more than it can hold");
            return wrong;
        }

        return ["The header is cut off"];
    }
}

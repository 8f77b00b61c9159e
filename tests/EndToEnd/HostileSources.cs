using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>Sources that must be refused, each made afresh in a directory by tools that are not ours.</summary>
internal sealed class HostileSources(string directory)
{
    private const string Ovf = "box.ovf", Manifest = "box.mf", Vmdk = "box-disk1.vmdk";
    private const int DiskBytes = 8 << 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public string In(string name) => Path.Combine(directory, name);

    /// <summary>A sound raw disk of 8 MiB with an ext4 and 2 MiB of data at offset 4 MiB.</summary>
    public async Task<string> RawAsync(string name = "box.raw")
    {
        var path = In(name);
        using (var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew)) file.SetLength(DiskBytes);
        var content = In("content");
        Directory.CreateDirectory(content);
        var bytes = new byte[2 << 20];
        new Random(1).NextBytes(bytes);
        await File.WriteAllBytesAsync(Path.Combine(content, "data"), bytes, Cancel);
        await RunAsync("mkfs.ext4", "-q", "-F", "-U", "11111111-2222-3333-4444-555555555555", "-d", content, path);
        return path;
    }

    public async Task<string> ImageAsync(string format, params string[] options)
    {
        var path = In("box." + format);
        await RunAsync("qemu-img", ["convert", "-f", "raw", "-O", format, .. options, File.Exists(In("box.raw")) ? In("box.raw") : await RawAsync(), path]);
        return path;
    }

    public string Text(string name, string content)
    {
        File.WriteAllText(In(name), content);
        return In(name);
    }

    public static string Cut(string path, double share)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite);
        file.SetLength((long)(file.Facts().LengthBytes * share) / 512 * 512);
        return path;
    }

    /// <summary>A VMDK descriptor whose one extent is elsewhere.</summary>
    public string VmdkNaming(string extent, long sectors = DiskBytes / 512) => Text(
        "box.vmdk", $"# Disk DescriptorFile\nversion=1\nCID=11111111\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW {sectors} FLAT \"{extent}\" 0\n");

    /// <summary>An OVA whose members were tampered with by <paramref name="change"/>; the manifest is right unless that is what was changed.</summary>
    public async Task<string> OvaAsync(Action<Members> change)
    {
        var members = new Members
        {
            Descriptor = Descriptor,
            Disk = await File.ReadAllBytesAsync(await ImageAsync("vmdk", "-o", "subformat=streamOptimized"), Cancel),
        };
        members.Descriptor = members.Descriptor.Replace("SIZE", $"{members.Disk.Length}", StringComparison.Ordinal);
        change(members);
        var descriptor = Encoding.UTF8.GetBytes(members.Descriptor);
        var manifest = $"SHA256({Ovf})= {Hash(descriptor)}\nSHA256({members.DiskName})= {members.ManifestDigest ?? Hash(members.Disk)}\n";
        var path = In("box.ova");
        await using (var stream = File.Create(path))
        await using (var tar = new TarWriter(stream, TarEntryFormat.Ustar))
        {
            await AddAsync(Ovf, descriptor);
            if (members.WithManifest) await AddAsync(Manifest, Encoding.UTF8.GetBytes(manifest));
            if (members.DiskIsLinkTo is { } link) await tar.WriteEntryAsync(new UstarTarEntry(TarEntryType.SymbolicLink, members.DiskName) { LinkName = link }, Cancel);
            else for (var i = 0; i < members.Copies; i++) await AddAsync(members.DiskName, members.Disk);

            async Task AddAsync(string name, byte[] content) => await tar.WriteEntryAsync(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) }, Cancel);
        }

        return path;
    }

    public static Task RunAsync(string program, params string[] arguments) => ChildProcess.RunAsync(new ChildCommand(program, arguments), Cancel);

    private static string Hash(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>What can be wrong with a package.</summary>
    internal sealed class Members
    {
        public required string Descriptor { get; set; }

        public required byte[] Disk { get; set; }

        public string DiskName { get; set; } = Vmdk;

        public string? DiskIsLinkTo { get; set; }

        public string? ManifestDigest { get; set; }

        public bool WithManifest { get; set; } = true;

        public int Copies { get; set; } = 1;
    }

    private const string Descriptor = """
        <?xml version="1.0" encoding="UTF-8"?>
        <Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
          <References><File ovf:href="box-disk1.vmdk" ovf:id="file1" ovf:size="SIZE"/></References>
          <DiskSection><Info>Disks</Info>
            <Disk ovf:capacity="8388608" ovf:diskId="d1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
          </DiskSection>
          <VirtualSystem ovf:id="box"><Info>A machine</Info><Name>box</Name>
            <VirtualHardwareSection><Info>Hardware</Info>
              <Item><rasd:ElementName>1 CPU</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>1</rasd:VirtualQuantity></Item>
              <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>256 MB</rasd:ElementName><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>256</rasd:VirtualQuantity></Item>
              <Item><rasd:Address>0</rasd:Address><rasd:ElementName>SCSI</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>lsilogic</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
              <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>Disk</rasd:ElementName><rasd:HostResource>ovf:/disk/d1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
            </VirtualHardwareSection>
          </VirtualSystem>
        </Envelope>
        """;
}

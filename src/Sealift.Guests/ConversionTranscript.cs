using System.Text.Json;
using System.Text.RegularExpressions;

namespace Sealift.Guests;

/// <summary>
/// Reads what virt-v2v says while it works: JSON messages on standard output (virt-v2v(1), "Machine readable output") and, in its
/// verbose log, which devices the guest can drive and which kernels its boot loader offers.
/// </summary>
/// <remarks>A guest's programs write into the verbose log too, while virt-v2v runs them; what counts is said after that, so the last word wins.</remarks>
internal sealed partial class ConversionTranscript
{
    private const int WarningLimit = 200;

    private readonly Dictionary<string, string> capabilities = [];
    private readonly List<string> warnings = [];
    private readonly List<string> errors = [];
    private int kernels;
    private bool countsKernels, sawKernels;

    public IReadOnlyList<string> Warnings => warnings;

    public IReadOnlyList<string> Errors => errors;

    /// <summary>How many kernels the boot loader offers, or null where virt-v2v did not say.</summary>
    public int? Kernels => sawKernels ? kernels : null;

    /// <summary>Whether virt-v2v said which devices the guest can drive.</summary>
    public bool KnowsDevices => BlockBusOrNull is not null && NetModelOrNull is not null;

    /// <summary>
    /// The bus of the guest's disks; <c>sata</c> where virt-v2v did not say: every operating system has a driver for AHCI and the
    /// machine type q35 has no IDE.
    /// </summary>
    public string BlockBus => BlockBusOrNull ?? "sata";

    /// <summary>The network card; <c>e1000</c>, which every operating system has a driver for, where virt-v2v did not say.</summary>
    public string NetModel => NetModelOrNull ?? "e1000";

    private string? BlockBusOrNull => capabilities.GetValueOrDefault("block_bus") switch
    {
        "virtio-blk" => "virtio-blk",
        "virtio-scsi" => "virtio-scsi",
        "ide" => capabilities.GetValueOrDefault("machine") == "q35" ? "sata" : "ide",
        _ => null,
    };

    private string? NetModelOrNull => capabilities.GetValueOrDefault("net_bus") switch
    {
        "virtio-net" => "virtio",
        "e1000" => "e1000",
        "rtl8139" => "rtl8139",
        _ => null,
    };

    /// <summary>Takes a line of standard output.</summary>
    /// <returns>A step that a user may see, or null.</returns>
    public string? HearOutput(string line)
    {
        if (!line.StartsWith('{')) return null;
        string? type, text;
        try
        {
            using var json = JsonDocument.Parse(line);
            type = json.RootElement.TryGetProperty("type", out var t) && t.ValueKind == JsonValueKind.String ? t.GetString() : null;
            text = json.RootElement.TryGetProperty("message", out var m) && m.ValueKind == JsonValueKind.String ? m.GetString() : null;
        }
        catch (JsonException)
        {
            return null; // not a message of virt-v2v: the log keeps it
        }

        if (text is null) return null;
        switch (type)
        {
            case "warning" when warnings.Count < WarningLimit:
                warnings.Add(GuestText.Finding(text));
                return null;
            case "error" when errors.Count < WarningLimit:
                errors.Add(GuestText.Finding(text));
                return null;
            case "message":
                return GuestText.Name(text);
            default:
                return null; // "info" and "progress"
        }
    }

    /// <summary>Takes a line of standard error, the verbose log.</summary>
    public void HearError(string line)
    {
        if (Capability().Match(line) is { Success: true } capability) capabilities[capability.Groups[1].Value] = capability.Groups[2].Value;
        if (line == "kernels offered by the bootloader in this guest (first in list is default):")
        {
            (kernels, countsKernels, sawKernels) = (0, true, true);
        }
        else if (countsKernels && line.StartsWith("* ", StringComparison.Ordinal))
        {
            kernels++;
        }
        else if (countsKernels && !line.StartsWith('\t'))
        {
            countsKernels = false;
        }
    }

    [GeneratedRegex(@"^gcaps_([a-z_0-9]+) = ([A-Za-z0-9-]+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Capability();
}

using System.Text.Json;
using Sealift.Migrations;

namespace Sealift.Cli.Terminal;

/// <summary>What <c>--dry-run</c> prints.</summary>
internal static class ForecastText
{
    /// <summary>Prints a forecast.</summary>
    /// <returns>The exit code: refused where something would stop the migration.</returns>
    public static int Write(MigrationForecast forecast, bool json)
    {
        if (json) Console.Out.WriteLine(JsonSerializer.Serialize(forecast, MigrationJson.Default.MigrationForecast));
        else WriteText(forecast);
        return forecast.Problems.Count == 0 ? ExitCode.Success : ExitCode.Refused;
    }

    private static void WriteText(MigrationForecast forecast)
    {
        var machine = forecast.Machine;
        Console.Out.WriteLine($"machine   {ErrorReport.Printable(machine.Name)}: {machine.Cpus} {(machine.Cpus == 1 ? "CPU" : "CPUs")}, {Quantities.Size(machine.MemoryBytes)} memory, {machine.Firmware.ToString().ToUpperInvariant()}{(machine.SecureBoot ? " with secure boot" : string.Empty)} (from {forecast.SourceKind})");
        foreach (var nic in machine.NetworkInterfaces) Console.Out.WriteLine($"nic       {nic.Model.ToString().ToLowerInvariant()} {nic.MacAddress ?? "(MAC address chosen by the hypervisor)"} {ErrorReport.Printable(nic.Network)}");
        foreach (var disk in forecast.Disks)
            Console.Out.WriteLine($"{disk.Key,-9} {ErrorReport.Printable(disk.Source)} ({disk.SourceFormat.ToString().ToLowerInvariant()} {disk.Subformat}) {Quantities.Size(disk.LengthBytes)}, at most {Quantities.Size(disk.AllocatedBytes)} of data -> {disk.TargetPath} ({disk.TargetFormat.ToString().ToLowerInvariant()})");
        Console.Out.WriteLine($"space     at most {Quantities.Size(forecast.SpaceNeededBytes)} needed, {Quantities.Size(forecast.SpaceFreeBytes)} free");
        if (forecast.FarSpace is { } far) Console.Out.WriteLine($"          at most {Quantities.Size(far.NeededBytes)} needed, {Quantities.Size(far.FreeBytes)} free in {ErrorReport.Printable(far.Place)}");
        Console.Out.WriteLine($"steps     {string.Join(", ", forecast.Steps.Select(s => StepText.Name(s.Step, s.Disk)))}");
        if (forecast.Target.Libvirt is { } libvirt) Console.Out.WriteLine($"target    {ErrorReport.Printable(TargetText.Of(libvirt))}");
        foreach (var path in forecast.TargetPaths) Console.Out.WriteLine($"makes     {path}");
        foreach (var note in forecast.Notes) Console.Out.WriteLine($"note      {ErrorReport.Printable(note)}");
        foreach (var problem in forecast.Problems) Console.Out.WriteLine($"problem   {ErrorReport.Printable(problem)}");
        Console.Out.WriteLine(forecast.Problems.Count == 0 ? "Nothing was done. Without --dry-run this would start now." : "Nothing was done. This could not start: see the problems above.");
    }
}

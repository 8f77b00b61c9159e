namespace Sealift.Guests.Checks;

/// <summary>The appliance as a place for checkers: every disk in it has a throwaway layer above it already.</summary>
internal sealed class AppliancePlace(Appliance appliance) : CheckPlace
{
    public override bool HasKernel => true;

    public override string Name => "the appliance";

    public override string PathOf(BlockDevice device) => device.Path;

    public override Task<ShellResult> RunAsync(string step, string program, IReadOnlyList<string> arguments, CancellationToken cancel) =>
        appliance.ShellAsync(step, string.Join(' ', arguments.Prepend(program).Select(Quoted)), cancel);

    public override Task<ShellResult> ReplayByMountAsync(BlockDevice device, string type, string mountOptions, CancellationToken cancel) =>
        appliance.ShellAsync(
            $"replay the journal of {device.Description}",
            $"mkdir -p /tmp/sealift-mnt && mount -t {type} -o {mountOptions} {device.Path} /tmp/sealift-mnt && umount /tmp/sealift-mnt || {{ rc=$?; dmesg | tail -n 5; exit $rc; }}",
            cancel);

    public override Task MakeWritableAsync(BlockDevice device, CancellationToken cancel) => Task.CompletedTask;

    // Single quotes leave everything as it is but themselves, and nothing that is run here has one.
    private static string Quoted(string argument) => argument.All(c => char.IsAsciiLetterOrDigit(c) || "-_./=".Contains(c, StringComparison.Ordinal)) ? argument : $"'{argument}'";
}

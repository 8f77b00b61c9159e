namespace Sealift.VSphere;

/// <content>Power.</content>
public sealed partial class VSphereClient
{
    /// <summary>The power state of a machine: <c>poweredOn</c>, <c>poweredOff</c> or <c>suspended</c>.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="cancel">Stops waiting.</param>
    public async Task<string> PowerStateAsync(ManagedReference machine, CancellationToken cancel)
    {
        const string Property = "runtime.powerState";
        var one = await RetrieveOneAsync(machine, [Property], cancel);
        if (one.Missing.TryGetValue(Property, out var why)) throw VSphereErrors.Refused("read the power state", SubjectOf(machine), why);
        return one[Property]?.Text ?? throw VSphereErrors.NotUnderstood("read the power state", SubjectOf(machine), "it has none");
    }

    /// <summary>Starts a machine. It is no error if it runs already.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="cancel">Stops waiting; the server goes on.</param>
    /// <exception cref="VSphereException">It does not run.</exception>
    public Task PowerOnAsync(ManagedReference machine, CancellationToken cancel) => PowerAsync("start the machine", "PowerOnVM_Task", machine, "poweredOn", cancel);

    /// <summary>Stops a machine as a power cut does. It is no error if it is off already.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="cancel">Stops waiting; the server goes on.</param>
    /// <exception cref="VSphereException">It is not off.</exception>
    public Task PowerOffAsync(ManagedReference machine, CancellationToken cancel) => PowerAsync("stop the machine", "PowerOffVM_Task", machine, "poweredOff", cancel);

    /// <summary>
    /// Asks the guest to shut down, and returns at once: <see cref="PowerStateAsync"/> says when it has. It takes VMware Tools. To ask
    /// twice is harmless.
    /// </summary>
    /// <param name="machine">The machine.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereFaultException">SL3314 the machine does not run; SL3317 <c>ToolsUnavailable</c>: nobody hears in the guest.</exception>
    public async Task ShutdownGuestAsync(ManagedReference machine, CancellationToken cancel)
    {
        const string Operation = "ShutdownGuest";
        try
        {
            _ = await CallAsync(Operation, machine, null, Repeat.Never, cancel); // it returns nothing
        }
        catch (VSphereException e) when (e.IsOutcomeUnknown)
        {
            try
            {
                _ = await LookAfterAsync(Operation, machine, () => CallAsync(Operation, machine, null, Repeat.Never, cancel)); // as above
            }
            catch (VSphereFaultException again) when (again.Fault.IsInvalidPowerState && again.Fault.ExistingState == "poweredOff")
            {
                // The first one was heard, and the guest is down by now.
            }
        }
    }

    private async Task PowerAsync(string attempt, string operation, ManagedReference machine, string wanted, CancellationToken cancel)
    {
        try
        {
            _ = await RunTaskAsync(attempt, operation, machine, null, cancel); // what it returns says nothing about the machine
        }
        catch (VSphereFaultException e) when (e.Fault.IsInvalidPowerState && e.Fault.ExistingState == wanted)
        {
            // It is what it was to become.
        }
        catch (VSphereException e) when (e.IsOutcomeUnknown)
        {
            if (await LookForAsync(attempt, machine, t => t.Kind.Contains("power", StringComparison.OrdinalIgnoreCase), async () => await PowerStateAsync(machine, cancel) == wanted ? wanted : null, cancel) is null)
                throw VSphereErrors.NotDone(attempt, SubjectOf(machine), $"the reply was lost, and it is {await LookAfterAsync(attempt, machine, () => PowerStateAsync(machine, cancel))}");
        }
    }
}

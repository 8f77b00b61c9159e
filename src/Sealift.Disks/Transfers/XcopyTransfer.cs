using Sealift.Scsi;

namespace Sealift.Disks;

/// <summary>
/// The array copies between two of its units: SCSI EXTENDED COPY(LID1), SPC-4, 6.4. The command goes to the target, which fetches the blocks
/// from the source by its name; both must be the ones that were meant, and no third one may have the name of either.
/// </summary>
internal sealed class XcopyTransfer : ITransferProvider
{
    public string Name => "xcopy";

    public async ValueTask<TransferFitness> LookAsync(TransferEnds ends, CancellationToken cancel)
    {
        if (ends.Source.Unit is not { } from) return TransferFitness.Cannot($"the source {ends.Source.WhyNoUnit}");
        if (ends.Target.Unit is not { } to) return TransferFitness.Cannot($"the target {ends.Target.WhyNoUnit}");
        if (ends.IsSlowed) return TransferFitness.Cannot("a limit of the bandwidth was asked for, and what storage copies by itself cannot be slowed down");
        using var devices = DevicePair.Open(from, to, out var inUse);
        if (inUse is not null) return TransferFitness.Cannot(inUse);
        using var source = await ScsiUnit.OpenAsync(from.Place, mayWrite: false, from.Identity, cancel);
        using var target = await ScsiUnit.OpenAsync(to.Place, mayWrite: false, to.Identity, cancel);
        return await Task.Run(() => XcopyPlan.Of(source, target, ends, cancel), cancel) is { WhyNot: { } why } ? TransferFitness.Cannot(why) : TransferFitness.Fits;
    }

    public async ValueTask<ITransfer> OpenAsync(TransferEnds ends, CancellationToken cancel)
    {
        var (from, to) = (ends.Source.Unit!, ends.Target.Unit!);
        var devices = DevicePair.Open(from, to, out var inUse);
        ScsiUnit? target = null;
        try
        {
            if (inUse is not null) throw TransferErrors.Cannot(Name, ends, inUse);
            using var source = await ScsiUnit.OpenAsync(from.Place, mayWrite: false, from.Identity, cancel);
            target = await ScsiUnit.OpenAsync(to.Place, mayWrite: true, to.Identity, cancel);
            var plan = await Task.Run(() => XcopyPlan.Of(source, target, ends, cancel), cancel);
            if (plan.WhyNot is { } why) throw TransferErrors.Cannot(Name, ends, why);
            await Task.Run(devices.ForgetTarget, cancel);
            return new Open(target, plan, devices);
        }
        catch
        {
            target?.Dispose();
            devices.Dispose();
            throw;
        }
    }

    private sealed class Open(ScsiUnit target, XcopyPlan plan, DevicePair devices) : ITransfer
    {
        private readonly List<string> refused = plan.Note.Length == 0 ? [] : [$"{CopyForm.Lid4InBackground.Text()}: {plan.Note}"];
        private int form;

        // One command: where it fails is told no more exactly than that, or than a segment of it.
        public long RangeBytes => plan.CommandBytes;

        public string How => plan.Forms[form].Text() + (refused.Count == 0 ? string.Empty : $"; what it lists and does not do: {string.Join("; ", refused)}");

        public ValueTask<string?> CopyAsync(DiskRange range, IProgress<long>? progress, CancellationToken cancel)
        {
            foreach (var (segments, part) in plan.Commands(range))
            {
                // Between commands, and within one only where it can be aborted: otherwise what the unit still did of it nobody would know.
                cancel.ThrowIfCancellationRequested();
                if (Copy(segments, part, new Reached(progress, part.Offset - range.Offset, segments, part), cancel) is { } said) return ValueTask.FromResult<string?>($"{said} (EXTENDED COPY of {part.LengthBytes} bytes at offset {part.Offset})");
                progress?.Report(part.End - range.Offset);
            }

            return ValueTask.FromResult<string?>(null);
        }

        public async ValueTask DisposeAsync()
        {
            try
            {
                target.Dispose();
                await Task.Run(devices.ForgetTarget, CancellationToken.None /* whatever came before, the kernel's pages are old */);
            }
            finally
            {
                devices.Dispose();
            }
        }

        /// <summary>One command, in the best form that was not refused so far.</summary>
        private string? Copy(CopySegment[] segments, DiskRange part, Reached reached, CancellationToken cancel)
        {
            var about = $"{part.LengthBytes} bytes at offset {part.Offset}";
            while (true)
            {
                try
                {
                    var listId = ScsiUnit.NextListId();
                    var list = plan.List(plan.Forms[form], listId, segments);
                    if (plan.Forms[form] == CopyForm.Lid4InBackground) return target.CopyInBackground(listId, list, segments, about, reached, cancel);
                    target.Copy(plan.Forms[form], list, about, CancellationToken.None);
                    return null;
                }
                catch (ScsiSenseException e) when (e.Sense.IsRefusal && form + 1 < plan.Forms.Count)
                {
                    // It did not begin: what it lists and does not know is asked for in another way, from here on.
                    refused.Add($"{plan.Forms[form].Text()}: {e.Sense}");
                    form++;
                }
                catch (ScsiSenseException e) when (e.Sense.Key is ScsiSense.CopyAborted or ScsiSense.IllegalRequest or ScsiSense.AbortedCommand)
                {
                    // Of a command that was not carried out whole nothing counts. What else it may be, medium errors and no space, stream would meet as well.
                    return e.Sense.ToString();
                }
            }
        }

        /// <summary>How many segments are copied, as bytes of the range.</summary>
        private sealed class Reached(IProgress<long>? progress, long before, CopySegment[] segments, DiskRange part) : IProgress<int>
        {
            public void Report(int value) => progress?.Report(before + (part.LengthBytes / segments.Sum(s => (long)s.Blocks) * segments.Take(value).Sum(s => (long)s.Blocks)));
        }
    }
}

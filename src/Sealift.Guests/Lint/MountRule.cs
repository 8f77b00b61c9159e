namespace Sealift.Guests.Lint;

/// <summary>What inspection says is mounted and is not to be mounted, and everything that could not be looked at.</summary>
internal sealed class MountRule : LintRule
{
    public override IEnumerable<Finding> Look(GuestFacts facts)
    {
        if (facts.Inside is not { } inside) yield break;
        if (facts.ForConversion)
        {
            foreach (var (path, uuid, said) in inside.NotMounted)
            {
                var (identity, device) = facts.PlaceOf(uuid, path);
                yield return new Finding(PreflightClasses.CannotMount, FindingSeverity.Obstacle, identity, device, GuestText.Finding($"The guest mounts it on {path}, and it cannot be mounted; the conversion is not accepted with that: {said}"));
            }
        }

        if (inside.Unread.Count > 0) yield return OfMachine(PreflightClasses.NotLookedAt, FindingSeverity.Warning, Listed("Not looked at:", inside.Unread));
    }
}

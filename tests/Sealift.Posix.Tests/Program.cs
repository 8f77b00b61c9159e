using Sealift.Posix.Tests;

// Tests of what becomes of children when their parent dies need a parent of their own.
if (args is [OtherParent.Flag, .. var rest]) return await OtherParent.RunAsync(rest);
return await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);

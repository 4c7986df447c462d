# Runs a program and keeps hold of all that it starts: guard.pl [FOLDER_TO_REMOVE...] -- PROGRAM [ARGUMENT...]
#
# Browsers fork into sessions of their own, lose their parents and write over their environment, so neither a process
# group nor a marker finds them again. Linux gives the orphans of a "child subreaper" back to it: that is what this is.
# When its input closes (the test is over, or its process died in whatever way) or the program ends, everything below
# it is killed and the folders are removed.
use strict;
use warnings;

my @folders;
push @folders, shift @ARGV while @ARGV && $ARGV[0] ne '--';
shift @ARGV;

chomp(my $machine = `uname -m`);
my $prctl = { x86_64 => 157, aarch64 => 167 }->{$machine} or die "guard.pl: no number of prctl known for $machine\n";
my $PR_SET_CHILD_SUBREAPER = 36;
syscall($prctl, $PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 or die "guard.pl: prctl: $!\n";

my $WNOHANG = 1;
$SIG{CHLD} = sub { };    # ends the wait below
my $program = fork() // die "guard.pl: fork: $!\n";
if ($program == 0) {
    open STDIN, '<', '/dev/null';
    exec { $ARGV[0] } @ARGV or print STDERR "cannot run $ARGV[0]: $!\n";
    exit 127;
}

my $status;
until (defined $status) {
    my $input = '';
    vec($input, fileno(STDIN), 1) = 1;
    last if select($input, undef, undef, 1) > 0;
    reap();
}

my $deadline = time + 20;
while (time < $deadline && (my @left = descendants())) {
    kill 'KILL', @left;
    reap();
    select undef, undef, undef, 0.005;
}
system 'rm', '-rf', '--', @folders if @folders;
exit(defined $status ? ($status & 127 ? 128 + ($status & 127) : $status >> 8) : 0);

sub reap {
    while ((my $pid = waitpid -1, $WNOHANG) > 0) {
        $status = $? if $pid == $program;
    }
}

sub descendants {
    my %children;
    for my $file (glob '/proc/[0-9]*/stat') {
        open my $stat, '<', $file or next;
        my $line = <$stat> // next;
        push @{ $children{$2} }, $1 if $line =~ /^(\d+) \(.*\) \S (\d+) /s;
    }
    my @found = @{ $children{$$} // [] };
    for (my $i = 0; $i < @found; $i++) { push @found, @{ $children{ $found[$i] } // [] } }
    return @found;
}

/** Keeps a page that breaks from taking the frame with it. */
import { Component, type ComponentChildren } from 'preact';
import { Problem } from './problem.tsx';

/** A class, since Preact has no other way to catch what a component throws. */
export class Boundary extends Component<{ children: ComponentChildren }, { broken: string | null }> {
  override state = { broken: null };
  static override getDerivedStateFromError(thrown: unknown): { broken: string } {
    return { broken: String(thrown) };
  }
  override render() {
    const { broken } = this.state;
    if (broken === null) return this.props.children;
    return <Problem failure={{ message: `This page broke: ${broken}.` }} again={() => this.setState({ broken: null })} />;
  }
}
